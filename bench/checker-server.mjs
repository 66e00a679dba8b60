// What the checker's benchmark checks: connections are taken, HTTP is answered and closed.
import { createServer } from 'node:net'

const ANSWER = Buffer.from('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.on('data', () => socket.end(ANSWER))
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => process.send(server.address().port))
process.on('disconnect', () => process.exit(0))
