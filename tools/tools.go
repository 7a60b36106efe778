//go:build tools

// Package tools pins k6 and Toxiproxy, so that `go build` gives the same programs on every machine.
package tools

import (
	_ "github.com/Shopify/toxiproxy/v2/cmd/server"
	_ "go.k6.io/k6/v2"
)
