/** Each process has a stretch of its own. */
let next = 10_000 + (process.pid % 20_000);

/**
 * A port for a program to listen on. It lies below those that the kernel gives to connections (32768 and up,
 * net.ipv4.ip_local_port_range): on one of those nobody can listen for a minute after its connection ended (TIME_WAIT).
 */
export const freePort = (): number => next++;
