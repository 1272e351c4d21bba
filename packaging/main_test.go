package main

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// made is what the tests look at: a release that there never was, for this machine.
type made struct {
	release
	stage, binary string
	docs          documents
}

var dir string // for all tests

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if dir, err = os.MkdirTemp("", "darkshare-packaging-"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

var makeOnce = sync.OnceValues(func() (*made, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	m := &made{stage: dir, release: release{
		root: root, version: "1.2.3", commit: "0123456789abcdef0123456789abcdef01234567",
		date: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}}
	ctx, stop := context.WithTimeout(context.Background(), 15*time.Minute)
	defer stop()
	m.docs, err = m.documents(ctx, dir)
	m.binary = filepath.Join(dir, "host", host.binary())
	return m, err
})

// build1 returns that release. It is built once.
func build1(t *testing.T) *made {
	t.Helper()
	m, err := makeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// needs skips a test for which a program is missing.
func needs(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s: the Debian package is %s", program, debian)
	}
}

// output runs a program and returns what it says.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// golden compares a text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-wanted +got), go test -update writes it anew:\n%s", file, diff)
	}
}
