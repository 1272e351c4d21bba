package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/tally"
)

// TestMain lets the test binary be the command: most tests start it as users do.
// Those that run it in this process must leave no goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv("DARKSHARE_TEST_MAIN") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// self is the test binary, wherever a test changes to.
var self, _ = os.Executable()

// command is the darkshare command with these arguments.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), "DARKSHARE_TEST_MAIN=1")
	return cmd
}

// darkshare runs the command to its end, which must come within a minute.
func darkshare(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs the command and expects it to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := darkshare(t, args...)
	if code != 0 {
		t.Fatalf("darkshare %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// write writes a file and returns its name.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func appendTo(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
}

func benchLog(t *testing.T, lines int) []byte {
	t.Helper()
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, lines); err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

func report(t *testing.T, text string) *tally.Report {
	t.Helper()
	var r tally.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &r
}

func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no corpora: %v; set DARKSHARE_CORPORA", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const desktop = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"

func line(at time.Time, client, request string, status int, referer, agent string) string {
	return fmt.Sprintf("%s - - [%s] \"%s\" %d 1 %q %q\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), request, status, referer, agent)
}
