//! The routes of the server, with the method and the response of each path.

use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::Limits;
use crate::body::{self, busy};
use crate::error_response::ErrorResponse;
use crate::hosts::Hosts;
use crate::images::malformed;
use crate::multipart::boundary;
use crate::page;
use crate::predict::{Predictor, RequestOptions};
use crate::shares::{Budget, Client};

type HttpResponse = Response<Full<Bytes>>;

/// State shared by all requests.
pub(crate) struct AppState {
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    /// Memory budget of all requests, in bytes.
    pub(crate) memory: Arc<Budget>,
    pub(crate) predictor: Arc<Predictor>,
    /// Response of `/health`.
    pub(crate) health: Value,
}

/// Headers of every response.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, page::POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

impl AppState {
    /// Answers a request of `client` on a connection to the address `local`.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        local: IpAddr,
        client: Client,
    ) -> HttpResponse {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let has_body = !request.body().is_end_stream();
        let mut answer = self.route(request, local, client).await.unwrap_or_else(|mut refusal| {
            let (status, is_read, asked_for) =
                (refusal.status, refusal.is_read, refusal.header.take());
            let mut answer = of_kind("application/json", refusal.into_body());
            *answer.status_mut() = status;
            let close = (has_body && !is_read).then_some((header::CONNECTION, "close"));
            for (name, value) in close.into_iter().chain(asked_for) {
                answer.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            answer
        });
        answer.headers_mut().extend(HEADERS);
        tracing::debug!("{asked}: {}", answer.status());
        answer
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        local: IpAddr,
        client: Client,
    ) -> Result<HttpResponse, ErrorResponse> {
        let (request, body) = request.into_parts();
        self.hosts.check(&request, local)?;
        let path = request.uri.path();
        let file = page::file(path);
        let takes = match path {
            "/predict" => "POST",
            "/health" => "GET, HEAD",
            _ if file.is_some() => "GET, HEAD",
            _ => {
                return Err(ErrorResponse::new(
                    StatusCode::NOT_FOUND,
                    format!("unknown path `{path}`"),
                    "use `/` for the page, `/predict` for predictions or `/health` for the state",
                ));
            }
        };
        if !takes.split(", ").any(|method| method == request.method) {
            return Err(ErrorResponse::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("`{path}` does not support `{}`", request.method),
                format!("use {takes}"),
            )
            .with_header(header::ALLOW, takes));
        }
        match file {
            Some((kind, text)) => Ok(of_kind(kind, text)),
            None if path == "/health" => Ok(of_json(&self.health)),
            None => self.predict(&request, body, client).await,
        }
    }

    async fn predict(
        &self,
        request: &Parts,
        body: Incoming,
        client: Client,
    ) -> Result<HttpResponse, ErrorResponse> {
        let wants_map = wants_map(request.uri.query())?;
        if request.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(ErrorResponse::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "`Content-Encoding` is not supported",
                "send the image files unchanged; they are compressed already",
            ));
        }
        let kind = request.headers.get(header::CONTENT_TYPE);
        let kind = kind.map_or(&b""[..], HeaderValue::as_bytes);
        let boundary = boundary(&String::from_utf8_lossy(kind));
        let boundary = boundary.map_err(|fault| malformed(&fault))?;
        let body = body::read(body, &self.limits, &self.memory, client).await?;
        let predicted =
            self.predictor.clone().predict(body, boundary, RequestOptions { client, wants_map });
        let predicted = timeout(self.limits.answer_time, predicted).await;
        let predicted = predicted.unwrap_or_else(|_| Err(busy("the model is overloaded")));
        Ok(of_kind("application/json", predicted.map_err(ErrorResponse::of_read)?))
    }
}

/// Returns true if the query asks for heat maps. An unknown query is an error.
fn wants_map(query: Option<&str>) -> Result<bool, ErrorResponse> {
    match query.unwrap_or_default() {
        "" | "heat_map=false" => Ok(false),
        "heat_map=true" => Ok(true),
        other => Err(ErrorResponse::new(
            StatusCode::BAD_REQUEST,
            format!("unknown query `{other}`"),
            "remove it, or send `/predict?heat_map=true`",
        )),
    }
}

fn of_json(value: &Value) -> HttpResponse {
    of_kind("application/json", value.to_string())
}

fn of_kind(kind: &'static str, content: impl Into<Bytes>) -> HttpResponse {
    let mut answer = Response::new(Full::new(content.into()));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Returns the response of `/health`, which everyone who reaches the server can read.
pub(crate) fn health(model: &str, card: &model::ModelCard, limits: &Limits) -> Value {
    json!({
        "status": "ok",
        "model": model,
        "classes": card.classes,
        "threshold": (card.classes.len() == 2).then(|| model::json_number(card.threshold)),
        "limits": {
            "bytes": limits.body,
            "files": limits.files,
            "pixels": limits.pixels,
            "request_pixels": limits.request_pixels,
            "memory": limits.memory(card),
        },
    })
}
