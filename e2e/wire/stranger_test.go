package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A stranger is not listened to for as long as a peer is: a large first message
// ends the connection before it is held.
func TestStrangerWithALargeHello(t *testing.T) {
	m, _ := goServer(t, discoveryService(t))
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), m.Advertised(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.WriteMessage(websocket.BinaryMessage, []byte("\x00\x81\xa3uid\xdb\x00\x10\x00\x00"+strings.Repeat("x", 1<<20)))
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("ended with %v", err)
	}
}
