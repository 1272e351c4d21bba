//go:build linux && amd64

package e2e

import (
	"bytes"
	"debug/elf"
	le "encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"
)

// A wallClock sets the wall clock of one process, as settimeofday(2) sets that of a
// machine. Name spaces have none of their own, and what intercepts the C library does not
// reach a program that asks the kernel itself. So the function of the vDSO by which Go's
// runtime reads the time is given another in front of it. Times of files remain the
// machine's.
type wallClock struct {
	t   *testing.T
	mem *os.File
	at  int64 // of the seconds that it is off by
}

// clockCode calls the function and adds what the clock is off by to its seconds, unless
// it was asked for another clock than CLOCK_REALTIME. Behind it are the function's address
// and the seconds.
var clockCode = []byte{
	0x53,                   // push rbx
	0x55,                   // push rbp
	0x48, 0x83, 0xec, 0x08, // sub rsp, 8
	0x89, 0xfb, // mov ebx, edi
	0x48, 0x89, 0xf5, // mov rbp, rsi
	0xff, 0x15, 0x1f, 0x00, 0x00, 0x00, // call [rip+31]
	0x85, 0xdb, // test ebx, ebx
	0x75, 0x0b, // jne +11
	0x48, 0x8b, 0x0d, 0x1c, 0x00, 0x00, 0x00, // mov rcx, [rip+28]
	0x48, 0x01, 0x4d, 0x00, // add [rbp], rcx
	0x48, 0x83, 0xc4, 0x08, // add rsp, 8
	0x5d, // pop rbp
	0x5b, // pop rbx
	0xc3, // ret
	0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
}

// newWallClock takes over the clock of a process that runs the binary of TestMain.
func newWallClock(t *testing.T, p *process) *wallClock {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var pointer, code int64
	for _, s := range symbols {
		if s.Name == "runtime.vdsoClockgettimeSym" {
			pointer = int64(s.Value)
		}
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_LOAD && segment.Flags&elf.PF_X != 0 {
			code = int64(segment.Vaddr) + 0xe00 // between the ELF headers and the first section, a page in
		}
	}
	if pointer == 0 || code == 0 {
		t.Skip("this Go reads its clock in another way")
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.cmd.Process.Pid), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("the clock of another process cannot be set here: %v", err)
	}
	t.Cleanup(func() { mem.Close() })
	text := append(bytes.Clone(clockCode), make([]byte, 16)...)
	there := make([]byte, len(text))
	if _, err := mem.ReadAt(there, code); err != nil || bytes.Count(there, []byte{0}) != len(there) {
		t.Skipf("no room for a clock in this binary (%v)", err)
	}
	if _, err := mem.ReadAt(text[len(clockCode):len(clockCode)+8], pointer); err != nil || bytes.Equal(text[len(clockCode):], make([]byte, 16)) {
		t.Skipf("this kernel has no clock in its vDSO (%v)", err)
	}
	for _, part := range []struct {
		at   int64
		text []byte
	}{{code, text}, {pointer, le.LittleEndian.AppendUint64(nil, uint64(code))}} {
		if _, err := mem.WriteAt(part.text, part.at); err != nil {
			t.Skipf("the clock of another process cannot be set here: %v", err)
		}
	}
	return &wallClock{t: t, mem: mem, at: code + int64(len(text)) - 8}
}

// set makes the clock be off by that many whole seconds.
func (c *wallClock) set(off time.Duration) {
	c.t.Helper()
	if _, err := c.mem.WriteAt(le.LittleEndian.AppendUint64(nil, uint64(int64(off/time.Second))), c.at); err != nil {
		c.t.Fatal(err)
	}
}
