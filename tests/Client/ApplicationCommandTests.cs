using System.Text.Json;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;

namespace AuthMesh.Tests.Client;

/// <summary>An admin looks after applications with the client, at a real mesh.</summary>
public sealed class ApplicationCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh admin = new();

    [Fact]
    public async Task An_admin_creates_changes_and_deletes_an_application()
    {
        var clientId = "app-" + Guid.NewGuid().ToString("N")[..12];
        (await admin.PipeAsync(
            ProductionMesh.AdminPassword + "\n", "login", "admin", "--password-stdin", "--server",
            mesh.Gateway.Address.GetLeftPart(UriPartial.Authority))).AssertExited(0);

        var created = await RunAsync("create", clientId, "--scope", "orders.read", "--scope", "orders.write", "--name", "Nightly job");
        created.AssertExited(0);
        Assert.Matches("^[A-Za-z0-9_-]{43}\n$", created.Output); // and nothing else, for a script
        Assert.Contains("not shown again", created.Errors, StringComparison.Ordinal);
        var first = new MadeApplication(Guid.Empty, clientId, created.Output.Trim(), Guid.Empty);
        await mesh.Gateway.ServiceTokenAsync(first);
        var list = await admin.RunAsync("applications");
        Assert.Matches("(?s)^client id +kind +name +scopes +state +last used\n", list.Output);
        Assert.Matches($"\n{clientId} +service +Nightly job +orders.read orders.write +active +2", list.Output);

        var added = await RunAsync("add-secret", clientId);
        added.AssertExited(0);
        var second = first with { Secret = added.Output.Trim() };
        var ids = (await RunAsync("secrets", clientId)).Output.Split('\n')[1..3].Select(line => line.Split(' ')[0]).ToArray();
        var document = JsonElement.Parse((await RunAsync("secrets", clientId, "--json")).Output);
        Assert.Equal("2 secrets", document.GetProperty("message").GetString());
        Assert.Equal(ids, document.GetProperty("secrets").EnumerateArray().Select(secret => secret.GetProperty("id").GetString()));
        Assert.Equal("Secret removed\n", (await RunAsync("remove-secret", clientId, ids[0])).Output);
        (await mesh.Gateway.TokenAsync(first, scope: null)).AssertProtocolError(401, "invalid_client");
        await mesh.Gateway.ServiceTokenAsync(second);

        Assert.Equal($"Application {clientId} changed\n", (await RunAsync("scopes", clientId, "--scope", "orders.read")).Output);
        Assert.Equal("orders.read", (await mesh.Gateway.TokenAsync(second, scope: null)).Member("scope"));
        Assert.Equal($"Application {clientId} changed\n", (await RunAsync("disable", clientId)).Output);
        (await mesh.Gateway.TokenAsync(second, scope: null)).AssertProtocolError(401, "invalid_client");
        (await RunAsync("enable", clientId)).AssertExited(0);
        await mesh.Gateway.ServiceTokenAsync(second);
        Assert.Equal("Secret removed\n", (await RunAsync("remove-secret", clientId, ids[1], "--leaked")).Output);

        (await RunAsync("remove-secret", clientId, "../x")).AssertFailed(2, "../x is not the id of a secret");
        (await RunAsync("disable", clientId + "x")).AssertFailed(1, $"No application has the client_id {clientId}x");
        (await RunAsync("create", "A B", "--scope", "a")).AssertFailed(1, "client_id: must be");
        (await RunAsync("delete", clientId)).AssertFailed(2, "Cannot ask for confirmation without a terminal");
        Assert.Equal($"Application {clientId} deleted\n", (await RunAsync("delete", clientId, "--yes")).Output);
    }

    [Fact]
    public async Task An_admin_registers_applications_of_users_with_every_setting_and_clears_them()
    {
        var (page, site) = ("spa-" + Guid.NewGuid().ToString("N")[..12], "web-" + Guid.NewGuid().ToString("N")[..12]);
        (await admin.PipeAsync(
            ProductionMesh.AdminPassword + "\n", "login", "admin", "--password-stdin", "--server",
            mesh.Gateway.Address.GetLeftPart(UriPartial.Authority))).AssertExited(0);
        using var key = AssertionKey.Ec("key-2026");
        var keys = Path.GetTempFileName();
        await File.WriteAllTextAsync(keys, JsonSerializer.Serialize(key.Jwks), TestContext.Current.CancellationToken);

        // 1. A public application has no secret to print.
        var created = await RunAsync(
            "create", page, "--kind", "spa", "--scope", "openid", "--scope", "mesh", "--redirect-uri", "https://app.example/callback",
            "--first-party", "--no-consent", "--name", "The app");
        Assert.Equal((0, $"Application {page} created\n", ""), (created.ExitCode, created.Output, created.Errors));
        Assert.Contains("not asked", (await RunAsync("show", page)).Output, StringComparison.Ordinal);

        // 2. Every setting of a site, which authenticates by a key.
        created = await RunAsync(
            "create", site, "--kind", "web", "--scope", "openid", "--scope", "offline_access",
            "--redirect-uri", "https://a.example/callback", "--redirect-uri", "https://b.example/callback",
            "--post-logout-redirect-uri", "https://a.example/", "--grant", "authorization_code", "--grant", "refresh_token",
            "--audience", "https://api.example", "--backchannel-logout-uri", "https://a.example/logout", "--require-pushed-requests",
            "--jwks", keys);
        Assert.Equal((0, $"Application {site} created\n", ""), (created.ExitCode, created.Output, created.Errors));
        var shown = (await RunAsync("show", site)).Output.Split('\n').ToList();
        string[] lines =
        [
            $"client id      {site}", $"name           {site}", "kind           web", "state          active",
            "grants         authorization_code refresh_token", "scopes         openid offline_access", "audiences      https://api.example",
            "redirects      https://a.example/callback", "               https://b.example/callback", "sign-out       https://a.example/",
            "back-channel   https://a.example/logout", "consent        asked", "requests       pushed only", "keys           key-2026",
        ];
        Assert.All(lines, line => Assert.Contains(line, shown));
        Assert.DoesNotContain(shown, line => line.StartsWith("secrets", StringComparison.Ordinal));
        var document = JsonElement.Parse((await RunAsync("show", site, "--json")).Output).GetProperty("application");
        Assert.True(JsonElement.DeepEquals(JsonSerializer.SerializeToElement(key.Jwks), document.GetProperty("jwks")));

        // 3. A change, and what it leaves alone.
        Assert.Equal($"Application {site} changed\n", (await RunAsync(
            "change", site, "--name", "A site", "--redirect-uri", "https://c.example/callback", "--first-party", "--no-consent",
            "--grant", "authorization_code")).Output);
        shown = [.. (await RunAsync("show", site)).Output.Split('\n')];
        Assert.Contains("redirects      https://c.example/callback", shown);
        Assert.Contains("kind           web, first party", shown);
        Assert.Contains("grants         authorization_code", shown);
        Assert.Contains("keys           key-2026", shown);
        Assert.DoesNotContain("               https://b.example/callback", shown);

        // 4. Clearing.
        Assert.Equal($"Application {site} changed\n", (await RunAsync(
            "change", site, "--clear", "post-logout-redirect-uri", "--clear", "backchannel-logout-uri", "--clear", "audience",
            "--clear", "jwks", "--clear", "first-party", "--clear", "no-consent", "--clear", "require-pushed-requests")).Output);
        shown = [.. (await RunAsync("show", site)).Output.Split('\n')];
        Assert.Contains("kind           web", shown);
        Assert.Contains("consent        asked", shown);
        Assert.DoesNotContain(shown, line => line.Split(' ')[0] is "audiences" or "sign-out" or "back-channel" or "requests" or "keys");
        (await RunAsync("change", site, "--clear", "redirect-uri")).AssertFailed(1, "redirect_uris: is required");

        // 5. What cannot be meant.
        (await RunAsync("change", site)).AssertFailed(2, "Nothing to change");
        (await RunAsync("change", site, "--clear", "scope")).AssertFailed(2, "scope cannot be cleared");
        (await RunAsync("change", site, "--clear", "jwks", "--jwks", keys)).AssertFailed(2, "--jwks and --clear jwks contradict");
        (await RunAsync("change", site, "--jwks", "/nowhere/keys.json")).AssertFailed(2, "/nowhere/keys.json cannot be read");
        await File.WriteAllTextAsync(keys, "{", TestContext.Current.CancellationToken);
        (await RunAsync("change", site, "--jwks", keys)).AssertFailed(2, $"{keys} is not JSON");
        await File.WriteAllTextAsync(keys, "{\"keys\":[{\"kty\":\"EC\",\"d\":\"x\"}]}", TestContext.Current.CancellationToken);
        (await RunAsync("change", site, "--jwks", keys)).AssertFailed(1, "jwks.keys[0].d: is not a known member");
        (await RunAsync("create", "x", "--kind", "robot", "--scope", "a")).AssertFailed(1, "kind: must be spa, native, web, service");
        (await RunAsync("show", site + "x")).AssertFailed(1, $"No application has the client_id {site}x");

        // 6. A device's grant has a short name.
        var device = "tv-" + Guid.NewGuid().ToString("N")[..12];
        (await RunAsync("create", device, "--kind", "native", "--scope", "openid", "--grant", "device_code")).AssertExited(0);
        Assert.Contains(
            "urn:ietf:params:oauth:grant-type:device_code", (await RunAsync("show", device)).Output, StringComparison.Ordinal);
        foreach (var made in (string[])[page, site, device])
        {
            (await RunAsync("delete", made, "--yes")).AssertExited(0);
        }

        File.Delete(keys);
    }

    public void Dispose() => admin.Dispose();

    private Task<Finished> RunAsync(params string[] arguments) => admin.RunAsync(["applications", .. arguments]);
}
