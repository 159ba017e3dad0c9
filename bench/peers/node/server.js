"use strict";

// npm `socket.io`: `publish` from one client is emitted to the room of the others.

const { createServer } = require("node:http");
const { Server } = require("socket.io");

const httpServer = createServer();
const io = new Server(httpServer, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  if (socket.handshake.query.role === "publisher") {
    socket.on("publish", (message) => io.to("bench").emit("m", message));
  } else {
    socket.join("bench");
  }
});

httpServer.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
