package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand is hidden: packages are made with it, and whoever has one has the page.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page, in the language of man",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return writeManual(cmd.OutOrStdout(), cmd.Root())
		},
	}
}

// writeManual writes the manual page darkshare(1), of a command and all below it, with
// the macros of man(7). It has no date, so that it is the same whenever it is made.
func writeManual(w io.Writer, root *cobra.Command) error {
	// cobra adds these when it executes, and here it may not have.
	root.InitDefaultHelpCmd()
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s %s\" \"User Commands\"\n", strings.ToUpper(root.Name()), root.Name(), roff(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", root.Name(), roff(lowerFirst(root.Short)))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I command\n.RI [ argument \" ...]\"\n", root.Name())
	b.WriteString(".SH DESCRIPTION\n")
	verbatim(&b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		fmt.Fprintf(&b, ".SS %s\n", roff(c.UseLine()))
		verbatim(&b, c.Long, c.Short)
		c.InitDefaultHelpFlag()
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) { option(&b, f) })
		if c.Example != "" {
			b.WriteString(".PP\nExamples:\n")
			verbatim(&b, c.Example)
		}
	}
	b.WriteString(".SH FILES\n" +
		".TP\n.I /etc/darkshare/darkshare.yaml\nThe configuration of the packages' service.\n" +
		".TP\n.I /etc/default/darkshare\nIts flags and environment.\n" +
		".TP\n.I /var/lib/darkshare\nWhat it keeps.\n" +
		".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1),\nhttps://github.com/darkshare/darkshare\n")
	_, err := w.Write(b.Bytes())
	return err
}

// option writes a flag as a tagged paragraph.
func option(b *bytes.Buffer, f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n\\fB")
	if f.Shorthand != "" {
		b.WriteString(roff("-"+f.Shorthand) + "\\fR, \\fB")
	}
	b.WriteString(roff("--"+f.Name) + "\\fR")
	if value != "" {
		b.WriteString(" \\fI" + roff(value) + "\\fR")
	}
	b.WriteString("\n" + lines(usage))
	switch f.DefValue {
	case "", "[]", "false", "0":
	default:
		if !strings.Contains(usage, "(default ") {
			b.WriteString(lines("(default " + strings.Trim(f.DefValue, "[]") + ")"))
		}
	}
}

// verbatim writes the first of the texts that is not empty, with the lines as they are.
func verbatim(b *bytes.Buffer, texts ...string) {
	for _, text := range texts {
		if text != "" {
			b.WriteString(".nf\n" + lines(strings.Trim(text, "\n")) + ".fi\n")
			return
		}
	}
}

func lines(text string) string { return roff(text) + "\n" }

// roff escapes what troff would take for its own: backslashes, hyphens that are to be
// typed, and the characters that begin a request at the start of a line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\t", "    ").Replace(text)
	all := strings.Split(text, "\n")
	for i, l := range all {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			all[i] = `\&` + l
		}
	}
	return strings.Join(all, "\n")
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
