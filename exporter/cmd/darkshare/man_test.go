package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManual: the page has every command and every flag, and is one that man takes.
func TestManual(t *testing.T) {
	var page bytes.Buffer
	if err := writeManual(&page, rootCommand()); err != nil {
		t.Fatal(err)
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc: the Debian package is mandoc")
	}
	lint := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "warning")
	lint.Stdin = bytes.NewReader(page.Bytes())
	if out, err := lint.CombinedOutput(); len(lintErrors(string(out))) > 0 {
		t.Errorf("mandoc: %v\n%s", err, strings.Join(lintErrors(string(out)), "\n"))
	}
	format := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", "-O", "width=200")
	format.Stdin = bytes.NewReader(page.Bytes())
	formatted, err := format.Output()
	if err != nil {
		t.Fatal(err)
	}
	// Bold is overstruck: a letter, a backspace, the letter again.
	text := overstruck(string(formatted))
	for _, c := range rootCommand().Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		wants := []string{c.UseLine(), strings.SplitN(c.Long+c.Short, "\n", 2)[0]}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { wants = append(wants, "--"+f.Name) })
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %q of %s", want, c.Name())
			}
		}
	}
}

// lintErrors are mandoc's findings, but for the date, which the page has none of.
func lintErrors(out string) (found []string) {
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "missing date") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func overstruck(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if i+1 < len(text) && text[i+1] == '\b' {
			i++
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// TestManualText: nothing of a help text is taken for a request, and all is typed as it stands.
func TestManualText(t *testing.T) {
	var page bytes.Buffer
	root := &cobra.Command{Use: "x", Short: "Do it", Long: ".sh is a file\n'tis --fine\nC:\\x"}
	if err := writeManual(&page, root); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n\\&.sh is a file\n", "\n\\&'tis \\-\\-fine\n", "\nC:\\ex\n"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in\n%s", want, page.String())
		}
	}
}
