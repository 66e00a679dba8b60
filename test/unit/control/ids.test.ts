import { describe, expect, it } from 'vitest'
import { IdPool } from '../../../src/control/ids.js'

describe('a pool of ids', () => {
  it('gives out the lowest that is free', () => {
    const pool = new IdPool('rings', 8, [0, 2, 3])
    expect([pool.take(), pool.take(), pool.take()]).toEqual([1, 4, 5])
  })

  it('gives out as many as there are, and then says what to do', () => {
    const pool = new IdPool('rings', 3, [1])
    expect([pool.take(), pool.take()]).toEqual([0, 2])
    expect(() => pool.take()).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_IDS_USED_UP',
        message: 'old and new rings together are more than 3',
        hint: 'apply the change in two steps, removing first',
      }),
    )
  })
})
