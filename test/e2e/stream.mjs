/** One connection that stays open, to the URL in argv: what comes over IPC goes to the real, and its answers back. */
import { request as open } from 'node:http'

const request = open(process.argv[2], { method: 'POST', agent: false }, (response) => {
  response.setEncoding('utf8')
  response.on('data', (text) => process.send({ text }))
})
request.on('error', (error) => process.send({ error: error.message }))
request.flushHeaders()
process.on('message', (text) => request.write(text))
process.on('disconnect', () => process.exit())
