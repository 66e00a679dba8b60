/**
 * One end of a TCP connection that does what it is told: ROLE ADDRESS PORT, where ROLE is `listen` or `connect`. Over
 * IPC come `end` (FIN) and `reset` (RST); it says `listening`, `connected`, `ended` when the other end has sent a FIN,
 * and `closed`.
 */
import { connect, createServer } from 'node:net'

const [role, host, port] = process.argv.slice(2)
const say = (text) => process.send(text)

function talk(socket) {
  process.on('message', (verb) => {
    if (verb === 'end') socket.end()
    if (verb === 'reset') socket.resetAndDestroy()
  })
  socket.on('end', () => say('ended'))
  socket.on('close', () => say('closed'))
  socket.on('error', () => undefined)
  socket.resume()
  say('connected')
}

if (role === 'listen') {
  const server = createServer({ allowHalfOpen: true }, talk)
  server.listen(Number(port), host, () => say('listening'))
} else {
  const socket = connect({ host, port: Number(port), allowHalfOpen: true }, () => talk(socket))
}
process.on('disconnect', () => process.exit())
