//! What a Rust client does with a server, and what it saw.
//!
//!     foreign client URL TRANSPORTS
//!
//! Prints one JSON object of facts and ends when its standard input is closed; the judgement is in
//! the Python test. Bytes are {"$binary": "hex"}. It can send one binary value per event and cannot
//! answer the server's questions, nor does it know its session id.

use std::io::Read;
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{json, Map, Value};

const DEADLINE: Duration = Duration::from_secs(20);

type Heard = Receiver<(String, Value)>;

pub fn converse(url: &str, transports: &str) {
    let (client, heard) = connect(url, transports);
    let mut facts = Map::new();
    next(&heard, "connect");

    // The upgrade is over when the server says that the other transport carries the session.
    let last = transports.rsplit(',').next().unwrap();
    let end = Instant::now() + DEADLINE;
    let mut who = json!({});
    while who["transport"] != last && Instant::now() < end {
        who = ask(&client, "whoami", Payload::Text(vec![]))[0][0].clone();
    }
    for key in ["transport", "auth", "sid"] {
        facts.insert(key.into(), who[key].clone());
    }

    let values = vec![
        json!("Grüße 🚀"),
        json!(1.5),
        json!(true),
        json!({"deep": ["er", null]}),
    ];
    client.emit("echo", Payload::Text(values.clone())).unwrap();
    facts.insert("echo".into(), next(&heard, "echo"));
    // The values of an ack come as one list.
    facts.insert(
        "ack".into(),
        ask(&client, "ack", Payload::Text(values))[0].clone(),
    );

    let blob: Vec<u8> = (0..1000).map(|number| number as u8).collect();
    let mut binary = vec![];
    // Over a websocket it takes no attachment for what it is.
    let sent = if last == "polling" {
        vec![blob, vec![]]
    } else {
        vec![]
    };
    for some in sent {
        client
            .emit("echo", Payload::Binary(Bytes::from(some)))
            .unwrap();
        binary.push(next(&heard, "echo"));
    }
    facts.insert("binary".into(), binary.into());

    client.emit("count", json!(200)).unwrap();
    let numbers: Vec<Value> = (0..200)
        .map(|_| next(&heard, "number")[0].clone())
        .collect();
    facts.insert("numbers".into(), numbers.into());

    client.emit("bye", Payload::Text(vec![])).unwrap();
    next(&heard, "close");
    let _ = client.disconnect(); // it says that the connection is gone

    // Once more, to leave by itself.
    let (client, heard) = connect(url, transports);
    next(&heard, "connect");
    let who = ask(&client, "whoami", Payload::Text(vec![]))[0][0].clone();
    facts.insert("second sid".into(), who["sid"].clone());
    client.disconnect().unwrap();
    next(&heard, "close");

    println!("{}", Value::Object(facts));
    // Not before the last packets have left, which the other side of this pipe knows.
    std::io::stdin().read_to_end(&mut vec![]).unwrap();
    std::process::exit(0);
}

fn connect(url: &str, transports: &str) -> (Client, Heard) {
    let (say, heard) = channel();
    let kind = match transports {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    };
    let mut builder = ClientBuilder::new(url)
        .transport_type(kind)
        .reconnect(false)
        .auth(json!({"tag": "rust"}));
    for event in [Event::Connect, Event::Close, "echo".into(), "number".into()] {
        let (say, name) = (say.clone(), event.to_string());
        builder = builder.on(event, move |payload: Payload, _: RawClient| {
            let _ = say.send((name.clone(), plain(payload))); // nobody may listen any more
        });
    }
    (builder.connect().expect("it connects"), heard)
}

fn next(heard: &Heard, event: &str) -> Value {
    loop {
        let (name, value) = heard
            .recv_timeout(DEADLINE)
            .unwrap_or_else(|_| panic!("no {event}"));
        if name == event {
            return value;
        }
    }
}

fn ask(client: &Client, event: &str, payload: Payload) -> Value {
    let (say, answer) = channel();
    client
        .emit_with_ack(
            event,
            payload,
            DEADLINE,
            move |payload: Payload, _: RawClient| {
                let _ = say.send(plain(payload)); // nobody may listen any more
            },
        )
        .unwrap();
    answer
        .recv_timeout(DEADLINE)
        .unwrap_or_else(|_| panic!("no answer to {event}"))
}

fn plain(payload: Payload) -> Value {
    match payload {
        Payload::Text(values) => values.into(),
        Payload::Binary(data) => {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"$binary": hex})
        }
        #[allow(deprecated)]
        Payload::String(text) => json!([text]),
    }
}
