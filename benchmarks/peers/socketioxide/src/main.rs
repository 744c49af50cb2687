//! socketioxide's server behind axum, as its user writes it, on one thread.
//! Use: socketioxide-server --fd N

use std::os::fd::FromRawFd;

use serde_json::Value;
use socketioxide::{
    extract::{Data, SocketRef},
    SocketIo,
};

async fn on_connect(socket: SocketRef) {
    socket.on("echo", async |socket: SocketRef, Data::<Value>(data)| {
        let _ = socket.emit("echo", &data);
    });

    socket.on("broadcast", async |io: SocketIo, Data::<Value>(data)| {
        let _ = io.emit("news", &data).await;
    });

    socket.on("burst", async |io: SocketIo, Data::<(u32, Value)>((count, data))| {
        for _ in 0..count {
            let _ = io.emit("news", &data).await;
        }
    });
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = arguments
        .iter()
        .position(|one| one == "--fd")
        .and_then(|index| arguments.get(index + 1))
        .and_then(|text| text.parse().ok())
        .expect("use: socketioxide-server --fd N");
    // The descriptor is inherited for this and belongs to nobody else in the process.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(number) };
    listener.set_nonblocking(true).expect("a listening socket");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let (layer, io) = SocketIo::new_layer();
            io.ns("/", on_connect);
            let application = axum::Router::new().layer(layer);
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, application).await.expect("it serves");
        });
}
