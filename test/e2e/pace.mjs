/**
 * Requests to the URL in argv at a steady pace, so many a second and each on its own connection, until asked what came of
 * them: of each that failed when it began, in milliseconds of the clock, and why.
 */
import { get } from 'node:http'

const [, , url, rate] = process.argv
const failures = []
const underWay = new Set()
let sent = 0
let running = true

function ask() {
  const startedAt = Date.now()
  sent++
  const done = new Promise((resolve) => {
    const fail = (error) => {
      failures.push({ startedAt, error: error.message })
      resolve()
    }
    const request = get(url, { agent: false, timeout: 4000 }, (response) => {
      response.resume()
      response.on('error', fail)
      response.on('end', resolve)
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', fail)
  })
  underWay.add(done)
  void done.then(() => underWay.delete(done))
}

let due = Date.now()
function pace() {
  if (!running) return
  // After a stop of this process what is overdue is left out: all at once would be another load than this.
  due = Math.max(due, Date.now() - 50)
  for (; due <= Date.now(); due += 1000 / rate) ask()
  setTimeout(pace, 1)
}
pace()

process.on('disconnect', () => process.exit())
process.on('message', async (message) => {
  if (message === 'sent') return process.send({ sent })
  running = false
  await Promise.all(underWay)
  process.send({ sent, failures }, () => process.exit())
})
