using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId;

/// <summary>
/// An authorization leads to a registered address alone, however else somebody spells it (RFC 9700 §4.1). A wrong address gets a page of
/// ours, and no redirect.
/// </summary>
public sealed class RedirectUriTests(ProductionMesh mesh)
{
    [Fact]
    public async Task No_other_spelling_of_a_redirect_uri_is_followed()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        Assert.Equal(RegisteredClient.Callback, client.RedirectUri);

        await AssertFollowedAsync(client, client.RedirectUri);
        await AssertRefusedAsync(client, Spellings);
        await AssertFollowedAsync(client, client.RedirectUri);
    }

    [Fact]
    public async Task A_native_application_takes_any_port_of_its_own_address_and_nothing_else()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "native",
            new { redirect_uris = (string[])["http://127.0.0.1/callback", "com.example.app:/callback"] });

        foreach (var address in (string[])["http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "com.example.app:/callback"])
        {
            await AssertFollowedAsync(client, address);
        }

        await AssertRefusedAsync(client, NativeSpellings);
    }

    private async Task AssertFollowedAsync(RegisteredClient client, string address)
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var answer = await visitor.GetAsync(new CodeFlow(client with { RedirectUri = address }, "openid").Path());
        Assert.True(answer.Status == 303, $"{address}: {answer}"); // to the address, or to the question whether the user agrees
    }

    private async Task AssertRefusedAsync(RegisteredClient client, string[] spellings)
    {
        Assert.Equal(spellings.Length, spellings.Distinct(StringComparer.Ordinal).Count());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var followed = new List<string>();
        foreach (var address in spellings)
        {
            var answer = await visitor.GetAsync(new CodeFlow(client).Path(("redirect_uri", address)));
            if (answer.Status != 400 || answer.Header("Location") is not null
                || answer.Text.Contains("http-equiv=\"refresh\"", StringComparison.Ordinal))
            {
                followed.Add($"{address}: {answer.Status}");
            }
        }

        Assert.Empty(followed);
    }

    private static readonly string[] Spellings =
    [
        "https://app.example/callback/", "https://app.example/Callback", "https://APP.example/callback", "HTTPS://app.example/callback",
        "http://app.example/callback", "https://app.example:443/callback", "https://app.example:8443/callback",
        "https://app.example/callback?", "https://app.example/callback?a=b", "https://app.example/callback#",
        "https://app.example/callback#a", "https://app.example//callback", "https://app.example/./callback",
        "https://app.example/a/../callback", "https://app.example/%63allback", "https://app.example/callback%2f",
        "https://app.example/callback%00", "https://app.example/callback%0d%0aLocation:%20https://evil.example",
        "https://user@app.example/callback", "https://app.example@evil.example/callback", "https://evil.example/callback",
        "https://app.example.evil.example/callback", "https://evilapp.example/callback", "https://sub.app.example/callback",
        "https://app.example.:443/callback", "https://app.example./callback", "https:/app.example/callback",
        "https:app.example/callback", "//app.example/callback", "/callback", "callback", "https://app.example\\@evil.example/callback",
        "https://app.example\\callback", "https://app.example/callback ", " https://app.example/callback",
        "https://app.example/callback\t", "https://app.example/call back", "javascript:alert(1)//https://app.example/callback",
        "data:text/html,https://app.example/callback", "https://app。example/callback", "https://аpp.example/callback",
        "https://xn--app-9ua.example/callback", "*", "https://*/callback", "https://app.example/*", "https://[::1]/callback",
        "https://127.0.0.1/callback", "urn:ietf:wg:oauth:2.0:oob", "https://app.example/callback;a=b", "https://app.example/callback/..",
        "https://app.example/callback/../callback",

        // Paths that a browser or a server may shorten, decode or continue.
        "https://app.example/callback/.", "https://app.example/callback/%2e%2e", "https://app.example/%2e%2e/callback",
        "https://app.example/%2e/callback", "https://app.example/a/%2E%2E/callback", "https://app.example/callback%2F..%2F..",
        "https://app.example/callback/../../evil", "https://app.example/callback/..;/evil", "https://app.example/;/callback",
        "https://app.example/callback%252f", "https://app.example/callbac%6B", "https://app.example/callbac%6b",
        "https://app.example/%63%61%6c%6c%62%61%63%6b", "https://app.example/callback%23", "https://app.example/callback%3F",
        "https://app.example/callback%5c", "https://app.example/callback%", "https://app.example/callback%2",
        "https://app.example/callback.", "https://app.example/callbackk", "https://app.example/callbac", "https://app.example",
        "https://app.example/", "https://app.example?", "https://app.example/callback?/", "https://app.example/callback??",
        "https://app.example/callback&code=1", "https://app.example/callback?code=1&state=2", "https://app.example/callback#?a=b",
        "https://app.example/callback?#",

        // Hosts that one parser reads as ours and another one as somebody else's.
        "https://app.example:@evil.example/callback", "https://app.example:443@evil.example/callback",
        "https://app.example%40evil.example/callback", "https://app.example%2eevil.example/callback",
        "https://app.example%2f@evil.example/callback", "https://app.example%5c@evil.example/callback",
        "https://app.example%00.evil.example/callback", "https://app.example%23@evil.example/callback",
        "https://evil.example%23@app.example/callback", "https://evil.example%2f@app.example/callback",
        "https://evil.example?@app.example/callback", "https://evil.example#@app.example/callback",
        "https://evil.example\\@app.example/callback", "https://evil.example;app.example/callback",
        "https://evil.example,app.example/callback", "https://evil.example/https://app.example/callback",
        "https://evil.example/?https://app.example/callback", "https://evil.example/#https://app.example/callback",
        "https://evil.example&app.example/callback", "https://@app.example/callback", "https://:@app.example/callback",
        "https://user:password@app.example/callback", "https://app.example:/callback", "https://app.example:0443/callback",
        "https://app.example:00443/callback", "https://app.example:0/callback", "https://app.example:65536/callback",
        "https://app.example:4294967739/callback", "https://app.example:-443/callback", "https://app.example:+443/callback",
        "https://app.example: 443/callback", "https://app.example:４４３/callback", "https://app..example/callback",
        "https://.app.example/callback", "https://app_example/callback", "https://app-example/callback",
        "https://app.example..:443/callback", "https://app.exampl/callback", "https://app.examplee/callback", "https://example/callback",
        "https://[app.example]/callback", "https://localhost/callback", "http://localhost/callback", "http://localhost:5000/callback",
        "http://127.0.0.1/callback", "http://[::1]/callback", "https://0x7f000001/callback", "https://2130706433/callback",
        "https://017700000001/callback", "https://0.0.0.0/callback", "https://[::]/callback", "https://[::ffff:127.0.0.1]/callback",

        // Characters that look the same, disappear, or are folded into others.
        "https://app.eхample/callback", "https://app.example/сallback", "https://ａpp.example/callback", "https://app.example／callback",
        "https://app.example/callback\u200b", "https://app\u00ad.example/callback", "https://app.example/callback\u202e",
        "\ufeffhttps://app.example/callback", "https://app．example/callback", "https://app｡example/callback",
        "https://app.ｅxample/callback", "https://app.example/cal\u006c\u0301back", "https://app.exampIe/callback",
        "https://APP.EXAMPLE/callback", "https://App.Example/callback", "https://app.example/CALLBACK", "hTTps://app.example/callback",
        "https://ſ.app.example/callback", "https://app.example/\u212aallback",

        // White space and control characters that programs drop.
        "\thttps://app.example/callback", "https://app.example/callback\n", "https://app.example/callback\r\n",
        "ht\ntps://app.example/callback", "https://app.exa\nmple/callback", "https://app.example/call\tback",
        "https://app.example\r/callback", "https:// app.example/callback", "https://app.example /callback",
        "https://app.example/callback\u00a0", "https://app.example/callback\u0085", "https://app.example/callback\u2028",
        "https://app.example/callback+", "https://app.example/callback%20", "https://app.example/callback%09",
        "https://app.example/callback%0a", "https://app.example/callback\u007f", "https://app.example/callback\u0001",

        // Other schemes, and forms without one.
        "https:///app.example/callback", "https:////app.example/callback", "https:\\\\app.example\\callback",
        "https:\\app.example/callback", "https//app.example/callback", "https:", "https://", "://app.example/callback",
        "\\\\app.example\\callback", "///app.example/callback", "/\\app.example/callback", "app.example/callback",
        "app.example:443/callback", "ftp://app.example/callback", "ws://app.example/callback", "wss://app.example/callback",
        "httpss://app.example/callback", "https+x://app.example/callback", "view-source:https://app.example/callback",
        "blob:https://app.example/callback", "file:///callback", "about:blank", "com.example.app:/callback", "vbscript:msgbox(1)",
        "JavaScript:alert(1)", "intent://app.example/callback#Intent;scheme=https;end", ".", "..", "%", "null", "undefined", "true",
        "https://app.example/callback,https://app.example/callback", "https://app.example/callback https://evil.example/",
        "[\"https://app.example/callback\"]", "'https://app.example/callback'", "<https://app.example/callback>",
        "https://app.example/callback'", "https://app.example/callback\"", "https://app.example/callback>",
        "https://app.example/callback|", "https://app.example/{callback}", "https://app.example/callback^",
        "https://app.example/callback`", "https://%61pp.example/callback", "https://app.example\u2024/callback",
        "https://app%2eexample/callback",
    ];

    private static readonly string[] NativeSpellings =
    [
        "http://localhost/callback", "http://localhost:5000/callback", "http://127.1:5000/callback", "http://127.0.0.2:5000/callback",
        "http://127.0.0.01:5000/callback", "http://0x7f.0.0.1:5000/callback", "http://2130706433:5000/callback",
        "http://[::1]:5000/callback", "http://[::ffff:127.0.0.1]:5000/callback", "https://127.0.0.1/callback",
        "https://127.0.0.1:5000/callback", "HTTP://127.0.0.1:5000/callback", "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback", "http://127.0.0.1:05000/callback", "http://127.0.0.1:+5000/callback",
        "http://127.0.0.1:-1/callback", "http://127.0.0.1:/callback", "http://127.0.0.1: 5000/callback", "http://127.0.0.1:５000/callback",
        "http://127.0.0.1:5000", "http://127.0.0.1:5000/", "http://127.0.0.1:5000/Callback", "http://127.0.0.1:5000/callback/",
        "http://127.0.0.1:5000/callback?a=b", "http://127.0.0.1:5000/callback#", "http://127.0.0.1:5000//callback",
        "http://127.0.0.1:5000\\callback", "http://127.0.0.1:5000@evil.example/callback", "http://127.0.0.1@evil.example/callback",
        "http://127.0.0.1:5000:6000/callback", "http://127.0.0.1.evil.example/callback", "http://127.0.0.1.evil.example:5000/callback",
        "http://user@127.0.0.1:5000/callback", "http://127.0.0.1./callback", "http://127.0.0.1.:5000/callback", "com.example.app:callback",
        "com.example.app://callback", "com.example.app:/callback/", "com.example.app:/callback?a=b", "com.example.app:/Callback",
        "COM.example.app:/callback", "com.example.app2:/callback", "com.example:/callback", "com.example.app:///callback",
        "com.example.app:5000/callback", "app:/callback",
    ];
}
