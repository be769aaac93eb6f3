using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Streams;

/// <summary>Chromium's WebSocket and EventSource, with the session cookie and nothing else.</summary>
[Collection<OnPages>]
public sealed class BrowserStreamTests(ProductionMesh production, PagesMesh mesh, Chromium chromium)
{
    // Opens both, and tells what came of each.
    private const string Open = """
        async origin => {
            window.socket = new WebSocket(origin.replace('http', 'ws') + '/live');
            window.events = new EventSource(origin + '/events', { withCredentials: true });
            window.socketClosed = new Promise(done => socket.onclose = close => done(close.code + ' ' + close.reason));
            window.eventsEnded = new Promise(done => events.onerror = () => events.readyState === EventSource.CLOSED && done('ended'));
            socket.onopen = () => socket.send('hello');
            const echo = new Promise(done => socket.onmessage = message => done(message.data));
            const first = new Promise(done => events.onmessage = event => done(event.data));
            return [await Promise.race([echo, socketClosed]), await Promise.race([first, eventsEnded])];
        }
        """;

    [Fact]
    public async Task A_page_of_our_own_origin_holds_streams_until_its_session_ends()
    {
        var (visitor, username) = await mesh.SignUpAsync();
        var page = await OpenAsync(visitor, mesh.Origin);

        Assert.Equal(["hello", $"You are watching as {username}"], await page.EvaluateAsync<string[]>(Open, mesh.Origin));
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);

        Assert.Equal("4401 session_ended", await page.EvaluateAsync<string>("socketClosed"));
        Assert.Equal("ended", await page.EvaluateAsync<string>("eventsEnded")); // it came back once, got 401 and gave up
    }

    [Fact]
    public async Task A_page_of_another_port_gets_no_stream_although_its_visitors_cookie_comes_along()
    {
        var (visitor, _) = await mesh.SignUpAsync();
        var page = await OpenAsync(visitor, $"http://localhost:{production.Echo.Address.Port}");

        Assert.Equal(["1006 ", "ended"], await page.EvaluateAsync<string[]>(Open, mesh.Origin));
    }

    private async Task<IPage> OpenAsync(Visitor visitor, string origin)
    {
        var page = await chromium.OpenAsync(mesh);
        await page.Context.AddCookiesAsync(
            visitor.Cookies.Select(cookie => new Cookie { Name = cookie.Key, Value = cookie.Value, Url = mesh.Origin }));
        await page.GotoAsync(origin + "/.well-known/jwks.json");
        return page;
    }
}
