package syslog

import "syscall"

// receiveBuffer is how many bytes a datagram socket should hold while nobody reads:
// at 300 bytes a record more than a tenth of a second of 100,000 a second, since the
// kernel takes two to three times a datagram's size for it.
const receiveBuffer = 16 << 20

// A socket is what the kernel's own view of a connection is had from.
type socket interface {
	SetReadBuffer(bytes int) error
	SyscallConn() (syscall.RawConn, error)
}

// kernelDrops counts what the kernel has dropped before a socket since it was last
// asked.
type kernelDrops struct {
	socket socket
	last   uint32
	now    uint32
}

// news returns how many datagrams were dropped since the last call. The kernel's
// counter has 32 bits and begins again at 0.
func (d *kernelDrops) news() uint64 {
	if d.read() != nil {
		return 0
	}
	n := d.now - d.last
	d.last = d.now
	return uint64(n)
}
