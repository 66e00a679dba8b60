/** The hash of the dataplane's own tables; bpf/lib/hash.h has the same in C. */

const MULTIPLIER = 0x9e3779b97f4a7c15n

/** Takes one 64-bit word into a hash. */
export function hashWord(hash: bigint, word: bigint): bigint {
  const spread = BigInt.asUintN(64, (hash ^ word) * MULTIPLIER)
  return spread ^ (spread >> 32n)
}

/** The hash of all of `bytes`, whose length is a multiple of 8, as words in host order: hash_word() and hash_finish(). */
export function hashBytes(seed: bigint, bytes: Uint8Array): bigint {
  const words = new BigUint64Array(Uint8Array.from(bytes).buffer)
  return hashWord(words.reduce(hashWord, seed), 0n)
}
