using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>A user creates, lists and deletes keys.</summary>
public sealed class CreateKeyTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_key_is_shown_once_and_only_its_hash_is_stored()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.CreateKeyAsync(user.Token, "  nightly backup ", null, "orders.read", "mesh");

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            ["status", "message", "id", "key", "name", "scopes", "expires_at"],
            answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal("nightly backup", answer.Member("name"));
        var key = answer.Member("key")!;
        Assert.Equal(
            SHA256.HashData(Encoding.ASCII.GetBytes(key)),
            await mesh.Database.ScalarAsync<byte[]>(
                """
                SELECT key_hash FROM sessions
                WHERE id = $1 AND kind = 'key' AND methods = '{}' AND cookie_hash = '' AND expires_at = created_at + interval '90 days'
                """,
                Guid.Parse(answer.Member("id")!)));

        var list = await mesh.Gateway.GetAsync("/account/keys", user.Token);
        Assert.Equal("You have 1 key", list.Message);
        Assert.DoesNotContain(key, list.Text, StringComparison.Ordinal);
        var listed = Assert.Single(list.Json.GetProperty("keys").EnumerateArray());
        Assert.Equal(
            ["id", "name", "scopes", "created_at", "last_used_at", "expires_at"], listed.EnumerateObject().Select(member => member.Name));
        Assert.Equal(answer.Member("id"), listed.GetProperty("id").GetString());
        Assert.Equal(["orders.read", "mesh"], listed.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, listed.GetProperty("last_used_at").ValueKind);
    }

    [Fact]
    public async Task Keys_and_sign_ins_are_listed_and_ended_apart()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");

        Assert.Equal("You are signed in here only", (await mesh.Gateway.GetAsync("/account/sessions", user.Token)).Message);
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/account/sessions/{key.Id}", user.Token)).AssertError(404, "session_not_found");
        (await mesh.Gateway.DeleteKeyAsync(user.Token, user.SessionId)).AssertError(404, "key_not_found");
        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key.Key)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);

        var deleted = await mesh.Gateway.DeleteKeyAsync(user.Token, key.Id);
        Assert.Equal((200, "Key deleted"), (deleted.Status, deleted.Message));
        (await mesh.Gateway.DeleteKeyAsync(user.Token, key.Id)).AssertError(404, "key_not_found");
        Assert.Equal("You have 0 keys", (await mesh.Gateway.GetAsync("/account/keys", user.Token)).Message);
    }

    [Fact]
    public async Task A_key_of_somebody_else_is_neither_listed_nor_deleted()
    {
        var (owner, other) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        var key = await mesh.Gateway.AddKeyAsync(owner.Token, "mesh");

        (await mesh.Gateway.DeleteKeyAsync(other.Token, key.Id)).AssertError(404, "key_not_found");
        Assert.Equal("You have 0 keys", (await mesh.Gateway.GetAsync("/account/keys", other.Token)).Message);
        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key.Key)).Status);
        Assert.Equal(200, (await mesh.Gateway.DeleteKeyAsync(owner.Token, key.Id)).Status);
    }

    [Theory]
    [InlineData("""{"scopes":["mesh"]}""", "name")]
    [InlineData("""{"name":" ","scopes":["mesh"]}""", "name")]
    [InlineData("""{"name":"a\u0000b","scopes":["mesh"]}""", "name")]
    [InlineData("""{"name":"a\u001bb","scopes":["mesh"]}""", "name")]
    [InlineData("""{"name":"12345678901234567890123456789012345678901234567890123456789012345","scopes":["mesh"]}""", "name")]
    [InlineData("""{"name":"x"}""", "scopes")]
    [InlineData("""{"name":"x","scopes":[]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["a b"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["mesh","mesh"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":[""]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":[".a"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["a\"b"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["ｍesh"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]}""", "scopes")]
    [InlineData("""{"name":"x","scopes":["mesh"],"expires_in_days":0}""", "expires_in_days")]
    [InlineData("""{"name":"x","scopes":["mesh"],"expires_in_days":-1}""", "expires_in_days")]
    [InlineData("""{"name":"x","scopes":["mesh"],"expires_in_days":367}""", "expires_in_days")]
    [InlineData("""{"name":"x","scopes":["mesh"],"role":"admin"}""", "role")]
    public async Task A_malformed_request_names_the_wrong_member(string body, string member)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/keys",
            new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        answer.AssertError(400, "invalid_request", fields: member);
        Assert.Equal(200, (await mesh.Gateway.CreateKeyAsync(user.Token, "🗝 ключ", 366, "a:b/c_d-e.f", "Mesh")).Status);
    }

    [Fact]
    public async Task A_key_demands_a_recent_proof_by_token_and_by_session()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var old = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;

        (await mesh.Gateway.CreateKeyAsync(old, scopes: "mesh")).AssertError(401, "insufficient_user_authentication");
        (await mesh.Gateway.CreateKeyAsync(user.Token, scopes: "mesh"))
            .AssertError(401, "insufficient_user_authentication"); // the row is old
        Assert.Equal(
            0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE kind = 'key' AND user_id = $1", user.UserId));

        var proved = (await mesh.Gateway.ReauthenticateAsync(old, user.Password)).Token;
        var key = await mesh.Gateway.AddKeyAsync(proved, "mesh");
        Assert.Equal(200, (await mesh.Gateway.DeleteKeyAsync(old, key.Id)).Status); // to delete one, none is needed
    }

    [Fact]
    public async Task The_owner_is_told_by_mail()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var address = EmailCalls.NewAddress();
        await mesh.Database.ProveAsync(user.UserId, address);

        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        Assert.Contains("a key for scripts", (await mesh.Mails.NextAsync(address)).Text, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.ReportKeyAsync(key.Key)).Status);
        Assert.Contains("reported that it leaked", (await mesh.Mails.NextAsync(address)).Text, StringComparison.Ordinal);
    }
}
