package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	readyURL = "http://127.0.0.1:9464/-/ready"
	// healthcheckTimeout is less than what Docker and Kubernetes give a probe where
	// it is not said (30 s), and more than a loaded machine takes.
	healthcheckTimeout = 5 * time.Second
)

func healthcheckCommand() *cobra.Command {
	timeout := healthcheckTimeout
	cmd := &cobra.Command{
		Use:   "healthcheck [URL]",
		Short: "Ask a running darkshare whether it reads its inputs",
		Long: `Ask the darkshare that serves on this machine whether it reads its inputs, for
containers and supervisors that probe with a command: an image of nothing but
darkshare has no curl. Ends with 0 if it does, with 1 if it does not or does not
answer. One that asks for a password answers, so it passes.

The URL is ` + readyURL + ` unless another one is given.
By https to this machine itself the certificate is not verified: it is for the
name that others use.`,
		Example: `  darkshare healthcheck
  darkshare healthcheck https://127.0.0.1:8443/-/ready`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := readyURL
			if len(args) > 0 {
				target = args[0]
			}
			ctx, stop := context.WithTimeout(cmd.Context(), timeout)
			defer stop()
			said, err := healthcheck(ctx, target)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "wait so long for the answer")
	return cmd
}

// healthcheck returns what the darkshare at a URL says of itself. The error is that
// it is not ready, or that there is none.
func healthcheck(ctx context.Context, target string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s is not a URL such as %s", target, readyURL)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return "", err
	}
	client := http.Client{
		// A proxy of the environment is for the way out, not for this machine.
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: onThisMachine(u.Hostname()),
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	// What else answers there may have much to say.
	text, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return "", err
	}
	switch said := strings.TrimSpace(string(text)); response.StatusCode {
	case http.StatusOK:
		return said, nil
	case http.StatusUnauthorized:
		return "darkshare answers, and asks for a password.", nil
	default:
		return "", fmt.Errorf("%s: %s: %s", u.Redacted(), response.Status, said)
	}
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
