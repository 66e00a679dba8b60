import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { stream } from '../../../src/cli/stream.js'

/** Takes one text, and fails at the next. */
class Closing extends Writable {
  readonly taken: string[] = []

  constructor(readonly code: string) {
    super({ decodeStrings: false })
  }

  override _write(text: string, _encoding: string, done: (error?: Error) => void): void {
    if (this.taken.push(text) < 2) done()
    else done(Object.assign(new Error('write'), { code: this.code }))
  }
}

function* counting(asked: number[]): Generator<string> {
  for (let number = 1; ; number++) {
    asked.push(number)
    yield `${number}\n`
  }
}

it('makes no text before the one before it is written', async () => {
  const asked: number[] = []
  let go: (error?: Error) => void = () => undefined
  const slow = new Writable({ write: (_chunk, _encoding, done) => void (go = done) })
  const done = stream(counting(asked), slow)
  for (const expected of [[1], [1, 2]]) {
    await new Promise(setImmediate)
    expect(asked).toEqual(expected)
    go()
  }
  await new Promise(setImmediate)
  go(Object.assign(new Error('write'), { code: 'EPIPE' }))
  await done
  expect(asked).toEqual([1, 2, 3])
})

it('ends quietly when nobody reads any more', async () => {
  const to = new Closing('EPIPE')
  const asked: number[] = []
  await stream(counting(asked), to)
  expect(asked).toEqual([1, 2])
})

it('says what else went wrong', async () => {
  await expect(stream(counting([]), new Closing('ENOSPC'))).rejects.toMatchObject({ code: 'ENOSPC' })
})
