package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCheck: one command line a line: what it prints in part, and how it exits.
// None of them waits for anything.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	lines := benchLog(t, 100)
	for name, data := range map[string][]byte{
		"plain.log": lines, "a.log.1.gz": gzipped(t, lines), "empty.log": nil, "other.log": []byte("hello\nworld\n"),
		"glob.yaml":  []byte("inputs: [{name: a, files: [\"none*.log\"], format: combined}, {name: b, files: [\"none*.json\"]}]\n"),
		"stdin.yaml": []byte("inputs: [{stdin: true}]\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Skipf("no FIFO here: %v", err)
	}
	f := func(code int, want string, args ...string) {
		t.Helper()
		for i, arg := range args {
			if !strings.HasPrefix(arg, "-") && arg != "combined" {
				args[i] = filepath.Join(dir, arg)
			}
		}
		stdout, stderr, got := darkshare(t, append([]string{"check"}, args...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("check %s: exit %d, want %d with %q; got\n%s%s", strings.Join(args, " "), got, code, want, stdout, stderr)
		}
	}
	f(1, "nothing to check")
	f(0, "of the first 100 are access records", "--log", "plain.log")
	f(0, "of the first 100 are access records", "--log", "a.log.1.gz")
	f(0, "of the first 100 are access records", "--log", "empty.log", "--log", "plain.log")
	f(0, "of the first 100 are access records", "--log", "*.log*", "--format", "combined")
	f(0, "no lines yet, and no format is named", "--log", "empty.log")
	f(0, "no lines yet, and no format is named", "--log", "fifo")
	f(0, "lines     no lines yet", "--log", "fifo", "--format", "combined")
	f(0, "no file yet, and no format is named", "--log", "none*.log")
	f(0, "lines     no file yet", "--config", "glob.yaml")
	f(0, "no lines yet", "--config", "stdin.yaml")
	f(1, "no such file", "--log", "none.log")
	f(1, "is a directory", "--log", "../"+filepath.Base(dir))
	f(1, "format", "--log", "other.log")
	f(1, "none of the first 2 lines", "--log", "other.log", "--format", "combined")
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
