package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestContainerfile: the image's binary is built as the released one is.
func TestContainerfile(t *testing.T) {
	file, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("build.go")
	if err != nil {
		t.Fatal(err)
	}
	for in, of := range map[string]string{
		"-s -w -buildid= -X main.version=$VERSION -X main.commit=$REVISION -X main.date=$DATE": "-s -w -buildid= -X main.version=%s -X main.commit=%s -X main.date=%s",
		"go build -trimpath -pgo exporter/bench/replay.pgo":                                    `"go", "build", "-trimpath", "-pgo", "exporter/bench/replay.pgo"`,
		"CGO_ENABLED=0":                    "CGO_ENABLED=0",
		"GOFLAGS=-buildvcs=false go build": "GOFLAGS=-buildvcs=false",
	} {
		if !strings.Contains(string(file), in) {
			t.Errorf("the Containerfile lacks %q", in)
		}
		if !strings.Contains(string(source), of) {
			t.Errorf("build.go lacks %q", of)
		}
	}
}

// TestImage builds the image, from this machine's binary in place of the stage that
// compiles it, and runs it: as its user, with its health check.
func TestImage(t *testing.T) {
	needs(t, "buildah", "buildah")
	if os.Geteuid() != 0 {
		t.Skip("only root can build an image")
	}
	m := build1(t)
	storage, context := t.TempDir(), t.TempDir()
	buildah := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "buildah", append([]string{
			"--root", filepath.Join(storage, "root"), "--runroot", filepath.Join(storage, "run"), "--storage-driver", "vfs",
		}, args...)...)
	}
	says := func(args ...string) string {
		t.Helper()
		cmd := buildah(args...)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("buildah %s: %v\n%s", args[0], err, errs.String())
		}
		return strings.TrimSpace(string(out))
	}

	file, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, final, ok := strings.Cut(string(file), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not built from scratch")
	}
	if err := copyFile(filepath.Join(context, "darkshare"), m.binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(context, "out", "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Containerfile": "FROM scratch AS build\nCOPY certificates /etc/ssl/certs/ca-certificates.crt\nCOPY out /out\nCOPY darkshare /out/\nFROM scratch\n" + final,
		"certificates":  "none\n",
		"access.log":    `192.0.2.1 - - [22/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0"` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(context, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := buildah("build", "--isolation", "chroot", "--format", "docker", "--build-arg", "VERSION=1.2.3",
		"--build-arg", "REVISION="+m.commit, "--build-arg", "DATE=2026-11-22T12:00:00Z", "-t", "darkshare", context).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	type config struct {
		User            string
		Cmd, Entrypoint []string
		Healthcheck     struct{ Test []string }
		Labels          map[string]string
	}
	var image struct{ Docker struct{ Config config } }
	if err := json.Unmarshal([]byte(says("inspect", "--type", "image", "darkshare")), &image); err != nil {
		t.Fatal(err)
	}
	got := image.Docker.Config
	labels := got.Labels
	got.Labels = nil
	want := config{User: "65532:65532", Entrypoint: []string{"/darkshare"}, Cmd: []string{"serve", "--config", "/etc/darkshare/darkshare.yaml"}}
	want.Healthcheck.Test = []string{"CMD", "/darkshare", "healthcheck"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for label, want := range map[string]string{"version": "1.2.3", "revision": m.commit, "created": "2026-11-22T12:00:00Z", "licenses": "Apache-2.0"} {
		if got := labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("its label %s is %q, not %q", label, got, want)
		}
	}

	container := says("from", "--pull-never", "darkshare")
	root := says("mount", container)
	var list strings.Builder
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list.WriteString(strings.TrimPrefix(path, root) + "\n")
		}
		return err
	})
	if want := "/darkshare\n/etc/ssl/certs/ca-certificates.crt\n"; err != nil || list.String() != want {
		t.Errorf("%v: it has\n%s, not\n%s", err, list.String(), want)
	}
	// It is run with the address of the probe, which is another one than of a darkshare
	// that may run on this machine.
	const address = "127.0.0.1:9661"
	run := func(args ...string) *exec.Cmd {
		return buildah(append([]string{"run", "--isolation", "chroot", "--volume", context + ":/var/log/darkshare:ro", container, "--"}, args...)...)
	}
	served := run("/darkshare", "serve", "--log", "/var/log/darkshare/access.log", "--start-at", "beginning",
		"--state", "/var/lib/darkshare/state", "--web.listen-address", address)
	var said strings.Builder
	served.Stderr = &said
	if err := served.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = served.Process.Kill()
			_ = served.Wait()
		}
	}()
	var probe string
	for range 60 {
		out, err := run("/darkshare", "healthcheck", "http://"+address+"/-/ready").CombinedOutput()
		if probe = strings.TrimSpace(string(out)); err == nil {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	if probe != "darkshare is ready." {
		t.Errorf("its health check says %q; it said\n%s", probe, said.String())
	}
	state, err := os.Stat(filepath.Join(root, "var/lib/darkshare"))
	if err != nil || state.Mode().Perm() != 0o755 {
		t.Errorf("the directory of its state: %v, %v", state, err)
	}
	// Ended as docker stop does it, it has written its state.
	if err := served.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = served.Wait()
	ended = true
	if _, stat := os.Stat(filepath.Join(root, "var/lib/darkshare/state")); stat != nil {
		t.Errorf("%v, %v; it said\n%s", err, stat, said.String())
	}
}
