/** Compares frames and says what differs in the words of the layers. */
import { AssertionError } from 'node:assert'
import { hexDump } from './bytes.js'
import { dissect, type DissectedLayer } from './dissect.js'
import type { Packet } from './build.js'

function layerDifferences(index: number, actual?: DissectedLayer, expected?: DissectedLayer): string[] {
  const place = `layer ${index}`
  if (expected === undefined) return [`${place}: expected nothing, actual ${actual?.name}`]
  if (actual === undefined) return [`${place}: expected ${expected.name}, actual nothing`]
  if (actual.name !== expected.name) return [`${place}: expected ${expected.name}, actual ${actual.name}`]
  return [...expected.fields]
    .filter(([field, value]) => actual.fields.get(field) !== value)
    .map(
      ([field, value]) => `${place} ${expected.name}.${field}: expected ${value}, actual ${actual.fields.get(field)}`,
    )
}

/** One line for each field that differs, outermost layer first; empty when the frames are equal. */
export function packetDifferences(actual: Uint8Array, expected: Uint8Array): string[] {
  if (Buffer.compare(actual, expected) === 0) return []
  const [actualLayers, expectedLayers] = [dissect(actual), dissect(expected)]
  const differences: string[] = []
  for (let index = 0; index < Math.max(actualLayers.length, expectedLayers.length); index += 1) {
    differences.push(...layerDifferences(index, actualLayers[index], expectedLayers[index]))
  }
  if (actual.length !== expected.length) {
    differences.push(`frame: expected ${expected.length} bytes, actual ${actual.length}`)
  }
  return differences.length > 0 ? differences : ['frame: bytes that no layer shows']
}

/** The whole message of a mismatch: fields, then both dumps. */
export function describeDifference(actual: Uint8Array, expected: Uint8Array): string {
  return [
    'the packets differ',
    ...packetDifferences(actual, expected).map((line) => `  ${line}`),
    'expected:',
    hexDump(expected, actual),
    'actual:',
    hexDump(actual, expected),
  ].join('\n')
}

/** `expectPacket(out).toEqualPacket(packet(…))`; throws with {@link describeDifference}. */
export function expectPacket(actual: Uint8Array): { toEqualPacket(expected: Packet | Uint8Array): void } {
  return {
    toEqualPacket(expected) {
      const bytes = expected instanceof Uint8Array ? expected : expected.bytes()
      if (Buffer.compare(actual, bytes) === 0) return
      throw new AssertionError({ message: describeDifference(actual, bytes), stackStartFn: this.toEqualPacket })
    },
  }
}
