"""The database of DATABASE_URL, which names a folder of a socket: postgres://user@%2Ffolder/name."""
import os
from urllib.parse import unquote

USER, _, _place = os.environ['DATABASE_URL'].removeprefix('postgres://').partition('@')
HOST, _, NAME = _place.partition('/')
HOST = unquote(HOST)
# as the programs in Rust have it: the size of a page
PAGE_SIZE = int(os.environ.get('PAGE_SIZE', 20))
