//! Tests of responses to valid requests.

use model::json_number;
use photos::load_image_from;
use serde_json::{Value, json};
use serve::Limits;

use crate::client::{SIZE, Served, explainer, image};

/// Returns the predictions of the model itself for these images.
fn expected(images: &[Vec<u8>], names: &[Value]) -> Vec<Value> {
    let explainer = explainer();
    let images: Vec<_> =
        images.iter().map(|bytes| load_image_from(bytes, SIZE).expect("an image")).collect();
    let images: Vec<&[u8]> = images.iter().map(|image| &**image).collect();
    let explained = explainer.explain(&images, None).expect("a CPU");
    explained
        .iter()
        .zip(names)
        .map(|(explained, name)| {
            let [height, width] = explained.heat_map.size;
            let values: Vec<Vec<Value>> = explained
                .heat_map
                .values
                .chunks(width)
                .map(|row| row.iter().map(|value| json_number(*value)).collect())
                .collect();
            json!({
                "name": name,
                "class": explainer.card().classes[explainer.card().decide(&explained.probabilities)],
                "probabilities": explainer.card().by_class(&explained.probabilities),
                "heat_map": {"height": height, "width": width, "values": values},
            })
        })
        .collect()
}

#[test]
fn predict_returns_a_heat_map_only_if_requested() {
    let served = Served::new(Limits::default());
    let mut expected = expected(&[image(3)], &[Value::Null]);
    for kind in ["image/png", "application/x-www-form-urlencoded", ""] {
        let answer = served.post("/predict?heat_map=true", kind, &image(3));
        assert_eq!(answer.status, 200);
        assert!(answer.json() == json!({"predictions": expected}));
    }
    expected[0].as_object_mut().expect("an object").remove("heat_map");
    for path in ["/predict", "/predict?heat_map=false"] {
        let answer = served.post(path, "image/png", &image(3));
        assert_eq!((answer.status, answer.json()), (200, json!({"predictions": expected})));
    }
}

/// Checks that predictions are as expected. All values must be equal except in heat maps, whose last bits depend on the
/// other images of the batch.
fn check(mut found: Vec<Value>, expected: &[Value]) {
    let values = |map: &Value| -> Vec<f64> {
        let rows = map["values"].as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("a row")).filter_map(Value::as_f64).collect()
    };
    let mut expected = expected.to_vec();
    for (found, expected) in found.iter_mut().zip(&mut expected) {
        let [found, expected] = [found, expected].map(|told| values(&told["heat_map"].take()));
        assert_eq!(found.len(), SIZE[0] * SIZE[1]);
        let mut pairs = found.iter().zip(&expected);
        assert!(pairs.all(|(found, expected)| (found - expected).abs() < 1e-5));
    }
    assert_eq!(found, expected);
}

#[test]
fn predictions_are_in_file_order_and_bad_files_fail_alone() {
    let served = Served::new(Limits::default());
    let images: Vec<Vec<u8>> = (0..7).map(image).collect();
    let names: Vec<Value> = (0..7).map(|number| json!(format!("{number} \"é\".png"))).collect();
    let expected = expected(&images, &names);
    let written: Vec<String> = (0..7).map(|number| format!("{number} %22é%22.png")).collect();
    let mut files: Vec<(&str, &[u8])> =
        written.iter().map(String::as_str).zip(images.iter().map(Vec::as_slice)).collect();
    let ask = |files: &[(&str, &[u8])]| {
        let answer = served.post_files("/predict?heat_map=true", files);
        assert_eq!(answer.status, 200);
        answer.json()["predictions"].as_array().expect("predictions").clone()
    };
    check(ask(&files), &expected);

    files.insert(2, ("cut.png", &images[0][..200]));
    files.insert(5, ("none.jpg", b"no image"));
    let mut told = ask(&files);
    for (at, name, reason) in
        [(5, "none.jpg", "it is not a JPEG"), (2, "cut.png", "it is truncated")]
    {
        let bad = told.remove(at);
        assert_eq!(bad["name"], name);
        assert!(bad["error"].as_str().is_some_and(|error| error.contains(reason)), "{bad}");
        assert!(bad["hint"].is_string() && bad["class"].is_null(), "{bad}");
    }
    check(told, &expected);
}

#[test]
fn connection_serves_several_requests() {
    let served = Served::new(Limits::default());
    let image = image(1);
    let request = format!(
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        image.len()
    );
    let request = [request.as_bytes(), &image].concat();
    let last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = served.ask([&request, &request, &last[..]].concat());
    assert_eq!(answer.body.matches("HTTP/1.1 200 OK").count(), 2, "{answer:?}");
}

#[test]
fn responses_have_security_headers_and_support_head() {
    let served = Served::new(Limits::default());
    for (path, kind, part) in [
        ("/", "text/html", "Drop photos here"),
        ("/page.css", "text/css", "prefers-color-scheme: dark"),
        ("/page.js", "text/javascript", "/predict?heat_map=true"),
        ("/health", "application/json", "\"status\":\"ok\""),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(part), "{answer:?}");
        for header in [
            &*format!("content-type: {kind}"),
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; ",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.header.contains(header), "{header} in {answer:?}");
        }
        let head = served
            .ask(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.header.contains(&format!("content-length: {}", answer.body.len())));
    }
}

#[test]
fn health_reports_model_classes_and_limits() {
    let limits = Limits { body: 5_000, files: 3, ..Limits::default() };
    let served = Served::new(limits.clone());
    let expected = json!({
        "status": "ok",
        "model": "stripes",
        "classes": ["along", "across", "<b>&"],
        "threshold": null,
        "limits": {"bytes": 5_000, "files": 3, "pixels": 110_000_000, "request_pixels": 440_000_000},
    });
    let mut found = served.get("/health").json();
    let memory = found["limits"].as_object_mut().and_then(|limits| limits.remove("memory"));
    assert_eq!(memory, Some(limits.memory(explainer().card()).into()));
    assert_eq!(found, expected);
}
