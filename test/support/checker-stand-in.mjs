/** Stands in for a checker process: does what argv says, and says what it was told in the reasons of its changes. */
const [, , manner = 'well', pause = '20'] = process.argv

const say = (message) => process.send(message)
const last = (reason) => ({ ok: false, step: 'connect', reason, tookMs: 1 })

process.on('disconnect', () => process.exit())
process.on('message', ({ type, changed, removed }) => {
  const keys = [...changed.map(({ key }) => key), ...removed.map((key) => `-${key}`)].join(' ')
  say({ type: 'changes', changes: [{ key: keys, state: 'down', last: last(`${type} ${process.pid}`), inARow: 3 }] })
})
say({ type: 'ready' })
if (manner === 'complaining') {
  say({ type: 'fault', reason: 'EMFILE' })
  process.stderr.write('a line\nanother\n')
}
if (manner === 'dying') setTimeout(() => process.exit(7), Number(pause))

function beat() {
  say({ type: 'beat', checks: 1, failures: 0, inFlight: 0, lateMs: 0, rssBytes: 1 })
  setTimeout(beat, Number(pause))
}
if (manner !== 'mute') beat()
