//! socketioxide's server for the clients' tests: prints {"port": N}, then one JSON line for each
//! disconnect.
//!
//!     foreign server

use std::time::Duration;

use rmpv::Value;
use serde_json::json;
use socketioxide::extract::{AckSender, Data, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;
use socketioxide::{ParserConfig, SocketIo, TransportType};

pub fn serve() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let (plain, io) = SocketIo::new_layer();
            register(&io);
            let msgpack = SocketIo::builder()
                .req_path("/msgpack")
                .with_parser(ParserConfig::msgpack());
            let (packed, io) = msgpack.build_layer();
            register(&io);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a listener");
            println!("{}", json!({"port": listener.local_addr().unwrap().port()}));
            let application = axum::Router::new().layer(plain).layer(packed);
            axum::serve(listener, application).await.expect("it serves");
        });
}

fn register(io: &SocketIo) {
    io.ns("/", behave);
    io.ns("/chat", behave);
    io.ns("/refusing", behave.with(refuse));
}

async fn refuse(_: SocketRef) -> Result<(), String> {
    Err("nobody may in".into())
}

async fn behave(socket: SocketRef, TryData(auth): TryData<Value>) {
    let auth = auth.unwrap_or(Value::Nil);
    socket.on(
        "auth",
        async move |ack: AckSender, transport: TransportType| {
            let name = if transport == TransportType::Polling {
                "polling"
            } else {
                "websocket"
            };
            let _ = ack.send(&(auth, name)); // the client may be gone
        },
    );
    socket.on(
        "echo",
        async |socket: SocketRef, Data::<(Value, Value)>(values)| {
            let _ = socket.emit("echo", &values);
        },
    );
    socket.on(
        "ack",
        async |Data::<(Value, Value)>(values), ack: AckSender| {
            let _ = ack.send(&values);
        },
    );
    socket.on(
        "ask",
        async |socket: SocketRef, Data::<(Value, Value)>(values)| {
            let asked = socket.timeout(Duration::from_secs(20));
            let Ok(answer) = asked.emit_with_ack::<_, (Value, Value)>("question", &values) else {
                return;
            };
            match answer.await {
                Ok(values) => socket.emit("answered", &values),
                Err(error) => socket.emit("answered", &error.to_string()),
            }
            .expect("the client is there");
        },
    );
    socket.on("burst", async |socket: SocketRef, Data::<u32>(count)| {
        for number in 0..count {
            // It has a queue of 128 packets, and refuses what does not fit.
            while socket.emit("number", &number).is_err() {
                tokio::task::yield_now().await;
            }
        }
    });
    socket.on("kick", async |socket: SocketRef| {
        socket.disconnect().expect("it is there")
    });
    socket.on_disconnect(async |socket: SocketRef, reason: DisconnectReason| {
        let reason = match reason {
            DisconnectReason::ClientNSDisconnect => "client namespace disconnect",
            DisconnectReason::ServerNSDisconnect => "server namespace disconnect",
            _ => "transport close",
        };
        println!(
            "{}",
            json!({"event": "disconnect", "sid": socket.id, "reason": reason})
        );
    });
}
