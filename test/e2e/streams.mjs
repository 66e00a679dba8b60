/**
 * Connections that stay open, to the URLs in argv, each with a local address: JSON. Says `open` once all are answered;
 * a text that comes over IPC goes to every real, and is said back when all of them have returned it.
 */
import { request as open } from 'node:http'

const connections = JSON.parse(process.argv[2])
const fail = (error) => process.send({ error: error.message })

async function connect({ url, from }) {
  const request = open(url, { method: 'POST', agent: false, localAddress: from })
  request.on('error', fail)
  request.flushHeaders()
  const response = await new Promise((resolve) => request.once('response', resolve))
  response.setEncoding('utf8')
  const stream = { request, received: '', changed: () => undefined, port: request.socket.localPort }
  response.on('data', (text) => {
    stream.received += text
    stream.changed()
  })
  return stream
}

async function until(stream, text) {
  while (!stream.received.includes(text)) await new Promise((resolve) => (stream.changed = resolve))
}

const streams = await Promise.all(connections.map(connect))
await Promise.all(streams.map((stream) => until(stream, '\n')))
process.on('message', async (text) => {
  for (const { request } of streams) request.write(text)
  await Promise.all(streams.map((stream) => until(stream, text)))
  process.send({ text })
})
process.on('disconnect', () => process.exit())
process.send({ ports: streams.map(({ port }) => port) })
