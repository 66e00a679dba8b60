import { describe, expect, it } from 'vitest'
import { verdictNames } from '../../../src/maps/generated.js'
import { readDocument, tableNames } from './documents.js'

describe('docs/verdicts.md', () => {
  it('has a row for each verdict, by the name that veer stats prints, in the order of the numbers', () => {
    const classes = ['forward_', 'reply_', 'pass_', 'drop_']
    const rows = tableNames(readDocument('docs/verdicts.md')).filter((name) => !classes.includes(name))
    expect(rows).toEqual(Object.values(verdictNames))
  })
})
