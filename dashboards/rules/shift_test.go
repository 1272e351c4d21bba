package rules_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/dashboards/rules"
	"github.com/darkshare/darkshare/dashboards/shift"
)

var update = flag.Bool("update", false, "write shift.yaml from the parameters")

// TestShiftIsMade holds the rules to the parameters that the plugin and the backtest go by.
func TestShiftIsMade(t *testing.T) {
	want := shift.Default.Rules()
	if *update {
		if err := os.WriteFile(rules.Shift, want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := rules.Files.ReadFile(rules.Shift)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("shift.yaml is not what package shift makes: go test ./dashboards/rules -run Shift -update")
	}
}

// TestPromtoolOnShift has Debian's promtool check the file.
func TestPromtoolOnShift(t *testing.T) {
	bin, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here: ", err)
	}
	out, err := exec.Command(bin, "check", "rules", "--lint=all", "--lint-fatal", rules.Shift).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SUCCESS: 102 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
}
