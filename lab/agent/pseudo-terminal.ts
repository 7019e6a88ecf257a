import { closeSync, constants, openSync } from "node:fs";
import tty from "node:tty";
import koffi from "koffi";

/** A pseudo-terminal: the master end is ours, the slave end a program's standard streams. */
export interface PseudoTerminal {
  readonly master: tty.ReadStream;
  readonly slave: number;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  /** Closes our copy of the slave end, once a program has it: only then does its exit end the master. */
  closeSlave(): void;
}

const O_CLOEXEC = 0o2000000;
const TIOCSWINSZ = 0x5414;

const libc = koffi.load("libc.so.6");
const openMaster = libc.func("int posix_openpt(int flags)");
const unlock = libc.func("int unlockpt(int fd)");
const slaveName = libc.func("int ptsname_r(int fd, _Out_ uint8_t *name, size_t size)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");

/** Opens a pseudo-terminal. @throws Error when the machine has none to give. @see pty(7) */
export function openPseudoTerminal(): PseudoTerminal {
  const fd: number = openMaster(constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC);
  const name = Buffer.alloc(128);
  if (fd < 0 || unlock(fd) !== 0 || slaveName(fd, name, name.length) !== 0) {
    throw new Error(`cannot open a pseudo-terminal (errno ${koffi.errno()})`);
  }
  const slave = openSync(name.toString("latin1", 0, name.indexOf(0)), constants.O_RDWR | constants.O_NOCTTY);
  return {
    master: new tty.ReadStream(fd),
    slave,
    resize: (size) => setSize(fd, size),
    closeSlave: () => closeSync(slave),
  };
}

/** struct winsize: rows, columns and two counts of pixels that nobody reads. */
function setSize(fd: number, { columns, rows }: { readonly columns: number; readonly rows: number }): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(rows, 0);
  winsize.writeUInt16LE(columns, 2);
  ioctl(fd, TIOCSWINSZ, winsize);
}
