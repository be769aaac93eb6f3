using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Revocations;

/// <summary>What the database is told ends at every verifier, whoever told it and however.</summary>
public sealed class RevocationTests(ProductionMesh mesh)
{
    private Caller[] Verifiers => [mesh.Gateway, mesh.Resource];

    [Fact]
    public async Task A_session_that_ends_takes_its_token_along_and_no_other()
    {
        var (name, password, token) = await mesh.SignUpAsync();
        var other = await mesh.Gateway.TokenAsync(name, password);

        Assert.Equal(1, await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", TokenText.SessionId(token)));

        await AssertRefusedEverywhereAsync(token);
        await AssertAcceptedEverywhereAsync(other);
    }

    [Fact]
    public async Task A_session_that_is_deleted_while_it_lives_takes_its_token_along()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM sessions WHERE id = $1", TokenText.SessionId(token)));

        await AssertRefusedEverywhereAsync(token);
    }

    [Fact]
    public async Task An_epoch_that_rises_refuses_what_is_older_and_nothing_else()
    {
        var (name, password, old) = await mesh.SignUpAsync();
        var (_, _, somebodyElses) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE id = $1", TokenText.UserId(old)));

        await AssertRefusedEverywhereAsync(old);
        await AssertAcceptedEverywhereAsync(await mesh.Gateway.TokenAsync(name, password));
        await AssertAcceptedEverywhereAsync(somebodyElses);
    }

    [Fact]
    public async Task A_user_who_is_deleted_is_refused()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM users WHERE id = $1", TokenText.UserId(token)));

        await AssertRefusedEverywhereAsync(token);
        // Not only the sessions that were there: below every epoch there can be.
        Assert.Equal(int.MaxValue, await mesh.Database.ScalarAsync<int>(
            $"SELECT epoch FROM revocations WHERE kind = 'user-below-epoch' AND subject = '{TokenText.UserId(token)}'"));
    }

    [Fact]
    public async Task A_key_that_is_distrusted_vouches_for_nothing_although_the_key_set_holds_it()
    {
        // A key of the ring's own would end the shared mesh; this one is distrusted by a name that only this test's token has.
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
    public async Task A_change_that_is_rolled_back_revokes_nothing()
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
