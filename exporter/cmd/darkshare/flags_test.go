package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/tally"
)

// TestSiteSelects: --site names a site of the configuration, by its name or one of
// its hosts, or a new one; the inputs are of it.
func TestSiteSelects(t *testing.T) {
	conf := write(t, "darkshare.yaml", []byte(`
inputs: [{name: a, files: [/var/log/a.log], format: combined}]
sites: [{name: shop, hosts: [example.com, example.shop]}, {hosts: [help.example.com]}]
`))
	f := func(flag, want string, sites int) {
		t.Helper()
		serve := serveFlags{sourceFlags: sourceFlags{config: conf, site: flag}}
		c, err := serve.load()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Inputs[0].Site; got != want || len(c.Sites) != sites {
			t.Errorf("--site %q: site %q of %d, want %q of %d", flag, got, len(c.Sites), want, sites)
		}
		if _, err := attribution.New(ruleOptions(c)); err != nil {
			t.Errorf("--site %q: %v", flag, err)
		}
	}
	f("", "", 2)
	f("shop", "shop", 2)
	f("example.shop", "shop", 2)
	f("Help.Example.com", "help.example.com", 2)
	f("Example.org", "example.org", 3)
}

// TestFlagsOverInput: what the command line says of a log wins over the
// configuration.
func TestFlagsOverInput(t *testing.T) {
	conf := write(t, "darkshare.yaml", []byte("inputs: [{name: a, files: [/var/log/a.log], format: json, json: {client: peer}}]\n"))
	f := func(format string, want config.Input) {
		t.Helper()
		serve := serveFlags{sourceFlags: sourceFlags{config: conf, format: format}}
		c, err := serve.load()
		if err != nil {
			t.Fatal(err)
		}
		want.Name, want.Files, want.StartAt = "a", []string{"/var/log/a.log"}, "end"
		if diff := cmp.Diff(want, c.Inputs[0]); diff != "" {
			t.Errorf("--format %q (-want +got):\n%s", format, diff)
		}
	}
	f("", config.Input{Format: "json", JSON: map[string]string{"client": "peer"}})
	f("json", config.Input{Format: "json", JSON: map[string]string{"client": "peer"}})
	f("combined", config.Input{Format: "combined"})
}

// TestNone: a limit of 0 in the configuration is none, not the default.
func TestNone(t *testing.T) {
	c := config.Default()
	c.Limits.Pages, c.Limits.Sections = 0, 7
	if o := engineOptions(&c, nil); o.Pages != tally.None || o.Sections != 7 {
		t.Errorf("%d pages, %d sections", o.Pages, o.Sections)
	}
}

// TestSecondSignal: the first signal asks to end, the second one does not ask.
func TestSecondSignal(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skipf("no FIFO here: %v", err)
	}
	// Nobody writes, so that opening it takes for ever.
	cmd := command(t.Context(), "replay", fifo)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(patience); ; {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it ended well, with nothing read")
			}
			return
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			<-ended
			t.Fatal("it does not end")
		}
	}
}
