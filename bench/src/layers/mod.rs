//! What each layer costs: requests through it, and the same requests without it, to one server in turn.

use std::fmt::Write;

use serde::Deserialize;

use crate::operation::{Data, Operation};
use crate::report::{Comparison, Sample};
use crate::server::Server;
use crate::statistics::median;
use crate::{Bench, Result};

mod server;

pub(crate) use server::serve;

/// A layer: what is asked through it, and what without.
#[derive(Debug)]
pub(crate) struct Layer {
    title: &'static str,
    /// The body of wrk's `request()`, where `PREFIX` stands for the resource.
    request: &'static str,
    /// The resource behind the layer.
    prefix: &'static str,
    /// A header of the requests through it; `{token}` and the like are what the server gave out.
    header: Option<(&'static str, &'static str)>,
    writes: bool,
    status: u16,
}

const RETRIEVE: &str = r#"return wrk.format("GET", "/PREFIX/" .. math.random(documents) .. "/")"#;
const POST: &str = r#"wrk.headers["Idempotency-Key"] = "run-" .. run .. "-" .. n
  return wrk.format("POST", "/PREFIX/", nil, '{"collection":' .. 1 + n % collections ..
    ',"uid":"PREFIX-' .. run .. "-" .. n .. '","blob":{"title":"New","size":' .. n .. ',"tags":["a","b"],"done":false}}')"#;

const fn retrieve(title: &'static str, prefix: &'static str, header: Option<(&'static str, &'static str)>) -> Layer {
    Layer { title, request: RETRIEVE, prefix, header, writes: false, status: 200 }
}

const LAYERS: [Layer; 10] = [
    retrieve("the same again, which is the noise", "documents", None),
    retrieve("filter backend with two fields, none of them asked for", "filtered", None),
    retrieve("throttle by the client's address, in the process", "throttled", None),
    retrieve("version in the Accept header", "versioned", Some(("Accept", "application/json; version=1"))),
    retrieve("entity tag of the answer", "tagged", None),
    retrieve("DRF's token, user must be known", "token", Some(("Authorization", "Token {token}"))),
    retrieve("hashed token that ends", "bearer", Some(("Authorization", "Bearer {bearer}"))),
    retrieve("JSON web token", "jwt", Some(("Authorization", "Bearer {jwt}"))),
    retrieve("Django's session", "session", Some(("Cookie", "{cookie}"))),
    Layer {
        title: "POST with an idempotency key",
        request: POST,
        prefix: "idempotent",
        header: None,
        writes: true,
        status: 201,
    },
];

/// The credentials that the server gave out.
#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) token: String,
    pub(crate) bearer: String,
    pub(crate) jwt: String,
    pub(crate) cookie: String,
}

impl Credentials {
    /// Makes the user of the benchmark, and the credentials by which it logs in.
    pub(crate) async fn of(server: &Server) -> Result<Self> {
        let given = server.ask("POST", "/set-up/", Some("{}")).await?;
        Ok(serde_json::from_str(&given.body).map_err(|error| format!("{error}: {}", given.body))?)
    }
}

impl Bench<'_> {
    /// Times all layers.
    pub(crate) async fn layers(&self) -> Result<String> {
        let base = Operation {
            name: "layers",
            title: "",
            data: Data::Large,
            example: "layers",
            environment: &[],
            writes: false,
            status: 200,
            request: "",
        };
        let server = self.start(&self.program("layers")?, "ours", &base).await?;
        let given = Credentials::of(&server).await?;
        let mut out = String::from("| layer | without µs | with it µs | layer µs |\n|---|--:|--:|--:|\n");
        let mut run = 0;
        for layer in &LAYERS {
            let header = layer.header.map(|(name, value)| {
                let value = value.replace("{token}", &given.token).replace("{bearer}", &given.bearer);
                (name, value.replace("{jwt}", &given.jwt).replace("{cookie}", &given.cookie))
            });
            let operation = |prefix: &str| {
                let set = header.iter().filter(|_| prefix == layer.prefix);
                let set: String =
                    set.map(|(name, value)| format!("wrk.headers[\"{name}\"] = \"{value}\"\n  ")).collect();
                let request = format!("{set}{}", layer.request.replace("PREFIX", prefix));
                (request, layer)
            };
            let (through, without) = (operation(layer.prefix), operation("documents"));
            let mut rounds = Vec::new();
            for round in 0..=self.arguments.rounds {
                let mut pair = [None, None];
                let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
                for place in order {
                    run += 1;
                    let (request, layer) = if place == 0 { &through } else { &without };
                    let operation = Operation { request, writes: layer.writes, status: layer.status, ..base };
                    pair[place] = Some(self.time(&operation, &server, "ours", run).await?);
                }
                // the first one warms up
                if let ([Some(through), Some(without)], true) = (pair, round > 0) {
                    rounds.push((through, without));
                }
            }
            line(&mut out, &Comparison { title: layer.title, rounds });
        }
        Ok(out)
    }
}

fn line(out: &mut String, comparison: &Comparison) {
    let of = |value: fn(&(Sample, Sample)) -> f64| median(comparison.rounds.iter().map(value).collect());
    let difference = |(through, without): &(Sample, Sample)| through.sum() - without.sum();
    let single = || comparison.rounds.iter().map(difference);
    let low = single().fold(f64::INFINITY, f64::min);
    let high = single().fold(f64::NEG_INFINITY, f64::max);
    let _ = writeln!(
        out,
        "| {} | {:.1} | {:.1} | **{:.1}** ({low:.1} to {high:.1}) |",
        comparison.title,
        of(|pair| pair.1.sum()),
        of(|pair| pair.0.sum()),
        median(single().collect()),
    );
}
