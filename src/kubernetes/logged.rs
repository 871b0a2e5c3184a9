//! Requests to the API server, as `TODO_LOG=debug` shows them. Not kube's own spans, which name neither status nor time in one line.

use crate::requests::Sent;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use http::Response;
use std::fmt::Display;
use std::task::Context;
use std::task::Poll;
use tower::Service;

/// Passes requests on to the service within.
#[derive(Debug, Clone)]
pub(super) struct Logged<S>(pub(super) S);

impl<S, B, A> Service<Request<B>> for Logged<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Error: Display + Send + 'static,
    S::Future: Send + 'static,
    A: Send + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<A>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let sent = Sent::new("kubernetes", request.method(), request.uri());
        let answer = self.0.call(request);
        async move {
            let answer = answer.await;
            sent.answered(answer.as_ref().map(Response::status).map_err(|error| error as _));
            answer
        }
        .boxed()
    }
}
