package streamtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// Certs are the two sides of TLS, under a CA of their own.
type Certs struct {
	// Server asks for a client's certificate. Client has one, Stranger has none.
	Server, Client, Stranger *tls.Config
}

// NewCerts makes certificates for 127.0.0.1.
func NewCerts(t testing.TB) Certs {
	t.Helper()
	caKey, ca := certificate(t, nil, nil, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	leaf := func() tls.Certificate {
		key, cert := certificate(t, ca, caKey, []net.IP{net.IPv4(127, 0, 0, 1)})
		return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	}
	return Certs{
		Server:   &tls.Config{Certificates: []tls.Certificate{leaf()}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
		Client:   &tls.Config{Certificates: []tls.Certificate{leaf()}, RootCAs: pool},
		Stranger: &tls.Config{RootCAs: pool},
	}
}

// certificate makes a certificate that the parent signs, or a CA's own.
func certificate(t testing.TB, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, ips []net.IP) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "darkshare test"}, IPAddresses: ips,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}
