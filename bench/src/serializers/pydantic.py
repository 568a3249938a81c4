"""The same rows with pydantic: a loop that does what its parent asks for.

E-mail addresses are checked with a pattern in pydantic's core, which is faster than `EmailStr` (a package in Python).
"""

import json
import sys
import time
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Optional
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, TypeAdapter, UrlConstraints, ValidationError

NO_NUL = r"^[^\x00]*$"
EMAIL = (
    r"^[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}$"
)


class Address(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    street: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
    city: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=NO_NUL)]
    zip: Annotated[str, StringConstraints(min_length=4, max_length=10, pattern=NO_NUL)]


class Row(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    id: Annotated[int, Field(ge=1, le=2147483647)]
    quantity: Annotated[int, Field(ge=0, le=1000)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
    code: Annotated[str, StringConstraints(min_length=3, max_length=12, pattern=NO_NUL)]
    note: Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)] = ""
    email: Annotated[str, StringConstraints(max_length=254, pattern=EMAIL)]
    website: Annotated[HttpUrl, UrlConstraints(max_length=200)]
    slug: Annotated[str, StringConstraints(max_length=50, pattern=r"^[-a-zA-Z0-9_]+$")]
    key: UUID
    price: Annotated[Decimal, Field(max_digits=10, decimal_places=2, ge=0)]
    weight: Annotated[Decimal, Field(max_digits=8, decimal_places=3)]
    score: Annotated[float, Field(ge=0, le=1)]
    temperature: Optional[float] = None
    active: bool
    archived: bool
    birthday: date
    created_at: datetime
    status: Literal["draft", "review", "published", "archived"]
    ratings: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(max_length=10)]
    address: Address


def main() -> None:
    bodies = [line.encode() for line in open(sys.argv[1], encoding="utf-8").read().split("\n")]
    body = b"[" + b",".join(bodies) + b"]"
    many = TypeAdapter(list[Row])
    rows = many.validate_json(body)
    parse = Row.model_validate_json
    print("ready", flush=True)
    for line in sys.stdin:
        work, _, rest = line.rstrip("\n").partition(" ")
        if work == "echo":
            sys.stdout.buffer.write(many.dump_json(rows) + b"\n")
            sys.stdout.buffer.flush()
            continue
        if work == "refuses":
            try:
                parse(json.loads(rest))
                print("no", flush=True)
            except ValidationError:
                print("yes", flush=True)
            continue
        times = range(int(rest))
        before = time.thread_time_ns()
        if work == "parse-1":
            for _ in times:
                for text in bodies:
                    parse(text)
        elif work == "parse-1000":
            for _ in times:
                many.validate_json(body)
        elif work == "show-1":
            for _ in times:
                for row in rows:
                    row.model_dump_json().encode()
        elif work == "show-1000":
            for _ in times:
                many.dump_json(rows)
        print(time.thread_time_ns() - before, flush=True)


main()
