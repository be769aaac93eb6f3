using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Applications;

/// <summary>Admins create, change and delete applications.</summary>
public sealed class ApplicationTests(ProductionMesh mesh)
{
    [Fact]
    public async Task An_application_is_created_listed_and_deleted_and_only_the_hash_of_its_secret_is_stored()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read", "orders.write");

        Assert.Equal(43, made.Secret.Length);
        Assert.Equal(
            SHA256.HashData(Encoding.ASCII.GetBytes(made.Secret)),
            await mesh.Database.ScalarAsync<byte[]>("SELECT hash FROM application_secrets WHERE application_id = $1", made.Id));
        var list = await mesh.Gateway.GetAsync("/applications", admin);
        Assert.DoesNotContain(made.Secret, list.Text, StringComparison.Ordinal);
        var listed = list.Json.GetProperty("applications").EnumerateArray()
            .Single(application => application.GetProperty("client_id").GetString() == made.ClientId);
        Assert.Equal(
            [
                "id", "client_id", "kind", "name", "first_party", "grants", "scopes", "redirect_uris", "post_logout_redirect_uris",
                "backchannel_logout_uri", "audiences", "require_consent", "require_pushed_requests", "jwks", "declared", "disabled",
                "created_at", "last_used_at", "secrets",
            ],
            listed.EnumerateObject().Select(member => member.Name));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, listed.GetProperty("last_used_at").ValueKind);
        await mesh.Gateway.ServiceTokenAsync(made);

        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/applications/{made.Id}", admin)).Status);
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/applications/{made.Id}", admin)).AssertError(404, "application_not_found");
        (await mesh.Gateway.TokenAsync(made)).AssertProtocolError(401, "invalid_client");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE application_id = $1", made.Id));
    }

    [Theory]
    [InlineData("""{"scopes":["a"]}""", "client_id")]
    [InlineData("""{"client_id":"A","scopes":["a"]}""", "client_id")]
    [InlineData("""{"client_id":"-a","scopes":["a"]}""", "client_id")]
    [InlineData("""{"client_id":"a b","scopes":["a"]}""", "client_id")]
    [InlineData("""{"client_id":"a:b","scopes":["a"]}""", "client_id")]
    [InlineData("""{"client_id":"x"}""", "scopes")]
    [InlineData("""{"client_id":"x","scopes":[]}""", "scopes")]
    [InlineData("""{"client_id":"x","scopes":["mesh"]}""", "scopes")]
    [InlineData("""{"client_id":"x","scopes":["a","a"]}""", "scopes")]
    [InlineData("""{"client_id":"x","scopes":["a b"]}""", "scopes")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":" "}""", "name")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"Notes\u0007"}""", "name")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"Notes \u202Eseton"}""", "name")] // turned around
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"\u2066Notes"}""", "name")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"No\u200Btes"}""", "name")] // invisible
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"No\u00ADtes"}""", "name")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"\uFEFF"}""", "name")]
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"Notes\u2028now"}""", "name")] // another line
    [InlineData("""{"client_id":"x","scopes":["a"],"name":"Notes\uDB40\uDC41"}""", "name")] // a tag
    [InlineData("""{"client_id":"x","scopes":["a"],"secret":"mine"}""", "secret")]
    public async Task A_malformed_application_names_the_wrong_member(string body, string member)
    {
        var admin = await mesh.AdminTokenAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/applications", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", admin));

        answer.AssertError(400, "invalid_request", fields: member);
    }

    [Theory]
    [InlineData("ノート <b> & \"co\"")]
    [InlineData("مذكرات")]
    [InlineData("می\u200Cخواهم")] // Persian needs the joiners
    [InlineData("👩\u200D💻")]
    public async Task A_name_may_be_of_every_script(string name)
    {
        var answer = await mesh.Gateway.CallAsync(
            HttpMethod.Post, "/applications", await mesh.AdminTokenAsync(),
            new { client_id = "app-" + Guid.NewGuid().ToString("N")[..12], name, scopes = (string[])["orders.read"] });

        Assert.Equal((201, name), (answer.Status, answer.Json.GetProperty("application").GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_client_id_belongs_to_one_application_and_users_have_no_say()
    {
        var (admin, user) = (await mesh.AdminTokenAsync(), await mesh.Gateway.SignUpAsync());
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read");

        (await mesh.Gateway.CreateApplicationAsync(admin, made.ClientId, "orders.read")).AssertError(409, "client_id_taken");
        foreach (var caller in new[] { mesh.Gateway, mesh.Identity })
        {
            (await caller.CreateApplicationAsync(user.Token, "another", "orders.read")).AssertError(403, "forbidden");
            (await caller.GetAsync("/applications", user.Token)).AssertError(403, "forbidden");
            (await caller.ChangeApplicationAsync(user.Token, made.Id, new { disabled = true })).AssertError(403, "forbidden");
        }

        await mesh.Gateway.ServiceTokenAsync(made);
    }

    [Fact]
    public async Task A_second_secret_takes_over_without_a_gap()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read");
        var token = await mesh.Gateway.ServiceTokenAsync(made);

        var added = await mesh.Gateway.CallAsync(HttpMethod.Post, $"/applications/{made.Id}/secrets", admin);
        Assert.Equal(201, added.Status);
        (await mesh.Gateway.CallAsync(HttpMethod.Post, $"/applications/{made.Id}/secrets", admin)).AssertError(409, "too_many_secrets");
        var renewed = made with { Secret = added.Member("client_secret")! };
        await mesh.Gateway.ServiceTokenAsync(renewed);
        await mesh.Gateway.ServiceTokenAsync(made);

        Assert.Equal(200, (await RemoveAsync(made.SecretId)).Status);
        (await RemoveAsync(made.SecretId)).AssertError(404, "secret_not_found");
        (await mesh.Gateway.TokenAsync(made)).AssertProtocolError(401, "invalid_client");
        await mesh.Gateway.ServiceTokenAsync(renewed);
        Assert.False(await mesh.Database.IsRevokedAsync(new(token))); // retired, not leaked

        Task<Answer> RemoveAsync(Guid secret) =>
            mesh.Gateway.CallAsync(HttpMethod.Delete, $"/applications/{made.Id}/secrets/{secret}", admin);
    }

    [Fact]
    public async Task Every_change_demands_a_sign_in_with_a_recent_proof()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        var admin = await mesh.Gateway.SignInAsync(user.Username, user.Password);
        var made = await mesh.Gateway.AddApplicationAsync(admin.Token, "orders.read");
        var key = await mesh.Gateway.AddKeyAsync(admin.Token, "mesh", "users.read");
        await mesh.Database.AgeProofAsync(admin.SessionId, TimeSpan.FromMinutes(61));
        var old = (await mesh.Gateway.RefreshAsync(admin.RefreshToken)).Token;

        (HttpMethod Method, string Path, object? Body)[] changes =
        [
            (HttpMethod.Post, "/applications", new { client_id = "another", scopes = new[] { "a" } }),
            (HttpMethod.Patch, $"/applications/{made.Id}", new { disabled = true }),
            (HttpMethod.Post, $"/applications/{made.Id}/secrets", null),
            (HttpMethod.Delete, $"/applications/{made.Id}/secrets/{made.SecretId}", null),
            (HttpMethod.Delete, $"/applications/{made.Id}", null),
        ];
        foreach (var (method, path, body) in changes)
        {
            (await mesh.Gateway.CallAsync(method, path, old, body)).AssertError(401, "insufficient_user_authentication");
            (await mesh.Gateway.CallAsync(method, path, admin.Token, body)).AssertError(401, "insufficient_user_authentication"); // the row
            (await mesh.Gateway.CallAsync(method, path, key.Key, body)).AssertError(403, "insufficient_scope");
        }

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/applications", old)).Status); // to look, none is needed
        (await mesh.Gateway.GetAsync("/applications", key.Key)).AssertError(403, "insufficient_scope");
        await mesh.Gateway.ServiceTokenAsync(made);
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'user' WHERE id = $1", user.UserId); // other tests count admins
    }

    [Fact]
    public async Task A_secret_that_was_removed_can_still_be_reported_as_leaked()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read");
        var token = await mesh.Gateway.ServiceTokenAsync(made);
        var path = $"/applications/{made.Id}/secrets/{made.SecretId}";
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, path, admin)).Status);
        Assert.False(await mesh.Database.IsRevokedAsync(new(token)));

        (await mesh.Gateway.CallAsync(HttpMethod.Delete, path + "?leaked=yes", admin))
            .AssertError(400, "invalid_request", fields: "leaked");
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, path + "?leaked=true", admin)).AssertError(404, "secret_not_found");

        Assert.True(await mesh.Database.IsRevokedAsync(new(token)));
    }

    public static TheoryData<string> Ends => ["disabled", "other scopes", "leaked", "deleted"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task Disabling_other_scopes_a_leak_and_deletion_end_the_tokens(string way)
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read", "orders.write");
        var token = await mesh.Gateway.ServiceTokenAsync(made);

        var answer = way switch
        {
            "disabled" => await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = true }),
            "other scopes" => await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { scopes = new[] { "orders.read" } }),
            "leaked" => await mesh.Gateway.CallAsync(
                HttpMethod.Delete, $"/applications/{made.Id}/secrets/{made.SecretId}?leaked=true", admin),
            _ => await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/applications/{made.Id}", admin),
        };

        Assert.Equal(200, answer.Status);
        Assert.True(await mesh.Database.IsRevokedAsync(new(token)));
        var again = await mesh.Gateway.TokenAsync(made);
        if (way == "other scopes")
        {
            Assert.Equal("orders.read", again.Member("scope"));
            (await mesh.Gateway.TokenAsync(made, "orders.write")).AssertProtocolError(400, "invalid_scope");
        }
        else
        {
            again.AssertProtocolError(401, "invalid_client");
        }

        if (way == "disabled")
        {
            Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = false })).Status);
            await mesh.Gateway.ServiceTokenAsync(made);
        }
    }
}
