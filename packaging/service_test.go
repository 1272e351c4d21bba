package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mostExposure is how exposed systemd-analyze may find the service: from 0 to 10, where
// one without any restriction has 9.6.
const mostExposure = 1.5

// TestExposure: the restrictions that the unit asks for are those that systemd knows.
func TestExposure(t *testing.T) {
	needs(t, "systemd-analyze", "systemd")
	out := output(t, "systemd-analyze", "security", "--offline=yes", "--no-pager", "darkshare.service")
	_, rest, ok := strings.Cut(out, "Overall exposure level for darkshare.service: ")
	if !ok {
		t.Fatalf("no level in\n%s", out)
	}
	level, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	if level > mostExposure {
		t.Errorf("the exposure is %.1f, more than %.1f\n%s", level, mostExposure, out)
	}
}

// TestInstalled installs the deb on a copy of this machine that lasts as long as the
// test, with systemd as its first process: what testdata/installed.sh does there is
// what an administrator does, from installing to purging. Nothing of this machine changes.
func TestInstalled(t *testing.T) {
	for program, debian := range map[string]string{
		"systemd-nspawn": "systemd-container", "unshare": "util-linux", "nginx": "nginx-light", "curl": "curl", "dpkg": "dpkg", "man": "man-db",
	} {
		needs(t, program, debian)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can start a machine")
	}
	old, renewed := packed(t, "deb", "1.2.3", build1(t).binary), packed(t, "deb", "1.3.0", build1(t).binary)
	machine := func(script, unit string, wait time.Duration) (string, error) {
		t.Helper()
		dir := t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		write("run.sh", script)
		write("probe.service", unit)
		for name, deb := range map[string]string{"old.deb": old, "new.deb": renewed} {
			if err := copyFile(filepath.Join(dir, name), deb, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		root := filepath.Join(dir, "root")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), wait)
		defer stop()
		// nspawn refuses / itself; the mount ends with its namespace.
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "sh", "-c", `mount --bind / "$1/root" &&
			exec systemd-nspawn --quiet --directory="$1/root" --volatile=overlay --register=no --keep-unit --private-network --console=pipe \
			--bind="$1:/probe" --bind-ro="$1/probe.service:/etc/systemd/system/probe.service" --boot systemd.unit=probe.service`, "sh", dir)
		// It ends its machine when it is asked to.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 20 * time.Second
		console, err := cmd.CombinedOutput()
		said, _ := os.ReadFile(filepath.Join(dir, "said"))
		if err != nil {
			return string(said) + "\n" + string(console), err
		}
		return string(said), nil
	}
	const unit = `[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'exec sh /probe/run.sh > /probe/said 2> /probe/errors'
`
	if out, err := machine("cat /proc/1/comm", unit, time.Minute); err != nil || out != "systemd\n" {
		t.Skipf("systemd-nspawn starts no machine here, as in most containers: %v\n%s", err, out)
	}
	script, err := os.ReadFile(filepath.Join("testdata", "installed.sh"))
	if err != nil {
		t.Fatal(err)
	}
	said, err := machine(string(script), unit, 5*time.Minute)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	golden(t, "installed.golden", said)
}
