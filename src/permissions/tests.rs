#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use sea_orm::Iterable;

use super::*;
use crate::context::User;
use crate::doc::booking;
use crate::error::Error;
use crate::model::entity::ModelSource;
use crate::settings::Settings;
use crate::store::{Changes, KnownEntities, Store};
use crate::value;
use crate::value::DbValue;

/// A part of a rule that says what it is told to say.
#[derive(Debug)]
struct Part(bool, bool);

#[async_trait]
impl Permission for Part {
    async fn has_permission(&self, _: &Context, _: &ViewInfo, _: &Database) -> Result<bool> {
        Ok(self.0)
    }

    fn has_object_permission(&self, _: &Context, _: &ViewInfo, _: &Object<'_>) -> Result<bool> {
        Ok(self.1)
    }
}

async fn database() -> (Database, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.sqlite3").display());
    let store = Store::connect(&url, Settings::default().store).await.unwrap();
    (Database::new(store, Arc::new(KnownEntities::default()), 4), folder)
}

fn view() -> ViewInfo {
    let mut view = ViewInfo::new("BookingViewSet");
    view.model = Some(Arc::new(ModelSource::of::<booking::Entity>().meta));
    view
}

fn request(method: Method, user: Option<User>) -> Context {
    let (parts, ()) = http::Request::builder().method(method).uri("/").body(()).unwrap().into_parts();
    let mut request = Context::new(parts, Vec::new());
    if let Some(user) = user {
        request.set_user(user, None);
    }
    request
}

fn admin() -> User {
    let mut user = User::new(1, "admin");
    (user.is_staff, user.is_superuser) = (true, true);
    user
}

/// A stored booking, all of whose columns are NULL but the note.
fn stored(note: &str) -> Vec<DbValue> {
    let column = |column| match column {
        booking::Column::Note => DbValue::String(Some(note.into())),
        _ => DbValue::BigInt(None),
    };
    booking::Column::iter().map(column).collect()
}

/// What DRF 3.18 answers: of 64 requests the bits 0 to 2 are what `a`, `b` and `c` say of the request, 3 to 5 what they say of
/// the object.
#[tokio::test]
async fn rules_are_put_together_as_in_drf() {
    type Made = fn(Rule, Rule, Rule) -> Rule;
    let table: [(&str, Made, u64, u64); 13] = [
        ("a & b", |a, b, _| a & b, 0x8888_8888_8888_8888, 0xff00_0000_ff00_0000),
        ("a | b", |a, b, _| a | b, 0xeeee_eeee_eeee_eeee, 0xeecc_aa00_eecc_aa00),
        ("!a", |a, _, _| !a, 0x5555_5555_5555_5555, 0x00ff_00ff_00ff_00ff),
        ("a & !b", |a, b, _| a & !b, 0x2222_2222_2222_2222, 0x0000_ff00_0000_ff00),
        ("a | !b", |a, b, _| a | !b, 0xbbbb_bbbb_bbbb_bbbb, 0xaa00_bb33_aa00_bb33),
        ("!(a & b)", |a, b, _| !(a & b), 0x7777_7777_7777_7777, 0x00ff_ffff_00ff_ffff),
        ("!(a | b)", |a, b, _| !(a | b), 0x1111_1111_1111_1111, 0x1133_55ff_1133_55ff),
        ("a & (b | c)", |a, b, c| a & (b | c), 0xa8a8_a8a8_a8a8_a8a8, 0xfc00_f000_cc00_0000),
        ("a | (b & c)", |a, b, c| a | (b & c), 0xeaea_eaea_eaea_eaea, 0xeac0_aa00_aa00_aa00),
        ("(a | b) & !c", |a, b, c| (a | b) & !c, 0x0e0e_0e0e_0e0e_0e0e, 0x0000_0000_eecc_aa00),
        ("!(a | (b & !c))", |a, b, c| !(a | (b & !c)), 0x5151_5151_5151_5151, 0x55ff_55ff_51f3_55ff),
        ("!!a", |a, _, _| !!a, 0xaaaa_aaaa_aaaa_aaaa, 0xff00_ff00_ff00_ff00),
        ("(a & b) | (!a & c)", |a, b, c| (a.clone() & b) | (!a & c), 0xd8d8_d8d8_d8d8_d8d8, 0x8850_0050_8800_0000),
    ];
    let ((database, _folder), view, request) = (database().await, view(), request(Method::GET, None));
    let (row, none) = (stored(""), Changes::default());
    let object = Object::new(view.model.as_ref().unwrap(), Some(&row), &none);
    for (name, made, requests, objects) in table {
        for n in 0..64_u64 {
            let part = |bit: u64| Rule::new(Part(n >> bit & 1 == 1, n >> (bit + 3) & 1 == 1));
            let rule = made(part(0), part(1), part(2));
            let said = rule.judge(true, &request, &view, &database).await.unwrap();
            assert_eq!(said.granted, requests >> n & 1 == 1, "{name} of request {n:#08b}");
            let short = rule.judge(false, &request, &view, &database).await.unwrap();
            assert_eq!(short.granted, said.granted, "{name} of request {n:#08b}");
            let granted = rule.judge_object(&said, &request, &view, &object).unwrap();
            assert_eq!(granted, objects >> n & 1 == 1, "{name} of object {n:#08b}");
        }
    }
}

/// The answer to a client that may not.
async fn refused(rules: impl IntoRules, request: &Context, challenges: bool) -> Option<(u16, String, Option<Value>)> {
    let ((database, _folder), view) = (database().await, view());
    let judged = Permissions::new(rules).judge(request, &view, &database, challenges).await;
    let error = judged.err()?;
    let mut body = Vec::new();
    error.write_body(&mut body);
    Some((error.status().as_u16(), String::from_utf8(body).unwrap(), error.get_codes()))
}

#[tokio::test]
async fn who_may_do_what() {
    let user = || Some(User::new(3, "alice"));
    let may = async |rule: Rule, method: Method, user: Option<User>| {
        refused(rule, &request(method, user), false).await.is_none()
    };
    assert!(may(AllowAny.into(), Method::POST, None).await);
    assert!(!may(IsAuthenticated.into(), Method::GET, None).await);
    assert!(may(IsAuthenticated.into(), Method::POST, user()).await);
    assert!(!may(IsAdminUser.into(), Method::GET, user()).await);
    assert!(may(IsAdminUser.into(), Method::DELETE, Some(admin())).await);
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(may(IsAuthenticatedOrReadOnly.into(), method, None).await);
    }
    assert!(!may(IsAuthenticatedOrReadOnly.into(), Method::POST, None).await);
    assert!(may(IsAuthenticatedOrReadOnly.into(), Method::POST, user()).await);
}

/// Refuses with what it has to say.
#[derive(Debug)]
struct Says(Option<Value>, Option<&'static str>);

#[async_trait]
impl Permission for Says {
    async fn has_permission(&self, _: &Context, _: &ViewInfo, _: &Database) -> Result<bool> {
        Ok(false)
    }

    fn message(&self) -> Option<Value> {
        self.0.clone()
    }

    fn code(&self) -> Option<&'static str> {
        self.1
    }
}

#[tokio::test]
async fn a_refusal_says_why() {
    let (anonymous, known) = (request(Method::GET, None), request(Method::GET, Some(User::new(3, "alice"))));
    let sentence = "{\"detail\":\"You do not have permission to perform this action.\"}";
    let (status, body, codes) = refused(Says(None, None), &known, true).await.unwrap();
    assert_eq!((status, body.as_str(), codes), (403, sentence, Some("permission_denied".into())));
    let (_, body, codes) = refused(Says(None, Some("odd")), &known, true).await.unwrap();
    assert_eq!((body.as_str(), codes), (sentence, Some("odd".into())));
    let (_, body, codes) = refused(Says(Some("No.".into()), Some("odd")), &known, true).await.unwrap();
    assert_eq!((body.as_str(), codes), ("{\"detail\":\"No.\"}", Some("odd".into())));
    let object = value!({"reason": "No."});
    let (_, body, codes) = refused(Says(Some(object), None), &known, true).await.unwrap();
    assert_eq!((body.as_str(), codes), ("{\"reason\":\"No.\"}", Some(value!({"reason": "permission_denied"}))));
    // what is put together has nothing of its own to say
    let (_, body, _) = refused(Rule::new(Says(Some("No.".into()), None)) & AllowAny, &known, true).await.unwrap();
    assert_eq!(body, sentence);
    // the first that refuses answers
    let both = (Rule::new(AllowAny), Says(Some("First.".into()), None), Says(Some("Second.".into()), None));
    assert_eq!(refused(both, &known, true).await.unwrap().1, "{\"detail\":\"First.\"}");
    // who could log in should do so first
    let (status, body, _) = refused(Says(Some("No.".into()), None), &anonymous, true).await.unwrap();
    assert_eq!((status, body.as_str()), (401, "{\"detail\":\"Authentication credentials were not provided.\"}"));
    let (status, body, _) = refused(Says(Some("No.".into()), None), &anonymous, false).await.unwrap();
    assert_eq!((status, body.as_str()), (403, "{\"detail\":\"No.\"}"));
}

#[tokio::test]
async fn django_permissions_on_objects_hide_what_may_not_be_read() {
    let view = view();
    let reading = PermsMap::default().with(Method::GET, ["hotel.view_booking"]);
    let permission = DjangoObjectPermissions::new().perms_map(reading).by(|user, name, booking| {
        let note: String = booking.get(booking::Column::Note)?;
        Ok(note == user.username || (note == "public" && name == "hotel.view_booking"))
    });
    let none = Changes::default();
    let judge = |method: Method, user: User, note: &str| {
        let row = stored(note);
        let object = Object::new(view.model.as_ref().unwrap(), Some(&row), &none);
        permission.has_object_permission(&request(method, Some(user)), &view, &object)
    };
    let alice = || User::new(3, "alice");
    assert!(judge(Method::PATCH, alice(), "alice").unwrap());
    assert!(judge(Method::GET, alice(), "public").unwrap());
    assert!(!judge(Method::PATCH, alice(), "public").unwrap());
    assert!(matches!(judge(Method::GET, alice(), "bob"), Err(Error::Http404(_))));
    assert!(matches!(judge(Method::PATCH, alice(), "bob"), Err(Error::Http404(_))));
    assert!(judge(Method::DELETE, admin(), "bob").unwrap());
    assert!(matches!(judge(Method::TRACE, alice(), "alice"), Err(Error::MethodNotAllowed(_))));
}

#[tokio::test]
async fn django_permissions_need_a_model() {
    let permission = DjangoModelPermissions::new();
    assert!(permission.check(&ViewInfo::new("PingView")).unwrap_err().contains("PingView"));
    let mut root = ViewInfo::new("APIRootView");
    root.is_root = true;
    assert!(permission.check(&root).is_ok());
    let (database, _folder) = database().await;
    assert!(!permission.has_permission(&request(Method::GET, None), &root, &database).await.unwrap());
    assert!(permission.has_permission(&request(Method::GET, Some(admin())), &root, &database).await.unwrap());
    let anyone = DjangoModelPermissionsOrAnonReadOnly::new();
    assert!(anyone.has_permission(&request(Method::GET, None), &root, &database).await.unwrap());
    assert!(anyone.has_permission(&request(Method::GET, None), &view(), &database).await.unwrap());
    assert!(!anyone.has_permission(&request(Method::POST, None), &view(), &database).await.unwrap());
    let unknown = anyone.has_permission(&request(Method::TRACE, None), &view(), &database).await;
    assert!(matches!(unknown, Err(Error::MethodNotAllowed(_))));
}
