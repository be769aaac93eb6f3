using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Revocations;

/// <summary>A change in the database takes effect at every verifier, whichever statement makes it.</summary>
public sealed class RevocationTests(ProductionMesh mesh)
{
    private Caller[] Verifiers => [mesh.Gateway, mesh.Resource];

    [Fact]
    public async Task Ending_a_session_revokes_its_own_token_only()
    {
        var (name, password, token) = await mesh.SignUpAsync();
        var other = await mesh.Gateway.TokenAsync(name, password);

        Assert.Equal(1, await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", TokenText.SessionId(token)));

        await AssertRefusedEverywhereAsync(token);
        await AssertAcceptedEverywhereAsync(other);
    }

    [Fact]
    public async Task Deleting_a_live_session_revokes_its_token()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM sessions WHERE id = $1", TokenText.SessionId(token)));

        await AssertRefusedEverywhereAsync(token);
    }

    [Fact]
    public async Task Raising_an_epoch_revokes_the_users_older_tokens_only()
    {
        var (name, password, old) = await mesh.SignUpAsync();
        var (_, _, somebodyElses) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE id = $1", TokenText.UserId(old)));

        await AssertRefusedEverywhereAsync(old);
        await AssertAcceptedEverywhereAsync(await mesh.Gateway.TokenAsync(name, password));
        await AssertAcceptedEverywhereAsync(somebodyElses);
    }

    [Fact]
    public async Task Deleting_a_user_revokes_their_tokens()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM users WHERE id = $1", TokenText.UserId(token)));

        await AssertRefusedEverywhereAsync(token);
        // The entry covers every possible epoch, not only the sessions that existed.
        Assert.Equal(int.MaxValue, await mesh.Database.ScalarAsync<int>(
            $"SELECT epoch FROM revocations WHERE kind = 'user-below-epoch' AND subject = '{TokenText.UserId(token)}'"));
    }

    [Fact]
    public async Task A_distrusted_key_is_announced_and_tokens_of_other_keys_stay_valid()
    {
        // Distrusting a key of the ring would break the shared mesh, so this test distrusts a key id that no key has.
        var (_, _, token) = await mesh.SignUpAsync();
        await using var feed = Feed.Open(mesh.Identity);
        await feed.UntilBeatAsync();

        await mesh.Database.ExecuteAsync("SELECT write_revocation('key-distrusted', 'nobodys-key', NULL)");

        var item = await feed.NextAsync();
        while (item.EventType != "key-distrusted")
        {
            item = await feed.NextAsync();
        }

        Assert.Equal("""{"kid":"nobodys-key"}""", item.Data);
        await AssertAcceptedEverywhereAsync(token);
    }

    [Fact]
    public async Task A_rolled_back_change_revokes_nothing()
    {
        var (_, _, token) = await mesh.SignUpAsync();
        var before = await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM revocations WHERE subject = $1", $"{TokenText.SessionId(token)}");

        await mesh.Database.ExecuteAsync(
            $"BEGIN; UPDATE sessions SET ended_at = now() WHERE id = '{TokenText.SessionId(token)}'; ROLLBACK");

        Assert.Equal(0, before);
        Assert.Equal(
            0, await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM revocations WHERE subject = $1", $"{TokenText.SessionId(token)}"));
        await AssertAcceptedEverywhereAsync(token);
    }

    private async Task AssertRefusedEverywhereAsync(string token)
    {
        foreach (var verifier in Verifiers)
        {
            var answer = await Patience.UntilAsync(() => verifier.GetAsync("/protected", token), answer => answer.Status == 401);
            answer.AssertError(401, "invalid_token");
        }
    }

    private async Task AssertAcceptedEverywhereAsync(string token)
    {
        foreach (var verifier in Verifiers)
        {
            Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);
        }
    }
}
