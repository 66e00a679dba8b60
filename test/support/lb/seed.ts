/** Of the conn table's hash in every fixture: what collides once collides always. */
export const HASH_SEED = 0x0123_4567_89ab_cdefn
