using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>Two replicas act on one key at the same moment.</summary>
[Collection<OnTwoReplicas>]
public sealed class KeyRaceTests(TwoReplicas mesh, ITestOutputHelper output)
{
    private const int Rounds = 200;

    [Fact]
    public async Task No_token_of_a_deleted_key_is_usable_afterwards()
    {
        var minted = 0;
        SignedIn user = null!;
        for (var round = 0; round < Rounds; round++)
        {
            user = round % 40 == 0 ? await mesh.Gateway.SignUpAsync() : user; // an account has at most 50 keys
            var key = await mesh.Replica(0).AddKeyAsync(user.Token, "mesh");
            var answers = await Together.RunAsync(
                () => mesh.Replica(round).DeleteKeyAsync(user.Token, key.Id),
                () => mesh.Replica(round + 1).ExchangeKeyAsync(key.Key),
                () => mesh.Replica(round).ExchangeKeyAsync(key.Key));

            Assert.Equal(200, answers[0].Status);
            foreach (var answer in answers[1..].Where(answer => answer.Status == 200))
            {
                minted++;
                Assert.True(await mesh.Database.IsRevokedAsync(new JsonWebToken(answer.Token)));
                await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/protected", answer.Token)).Status == 401);
            }

            (await mesh.Replica(round).ExchangeKeyAsync(key.Key)).AssertError(401, "invalid_key");
            Assert.Equal(401, (await mesh.Gateway.GetAsync("/protected", key.Key)).Status);
        }

        output.WriteLine($"{minted} tokens in {Rounds} rounds");
        Assert.InRange(minted, 1, 2 * Rounds - 1); // otherwise no round was a race
    }

    [Fact]
    public async Task An_account_has_at_most_50_keys_however_many_are_created_at_once()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answers = await Together.RunAsync(60, i => mesh.Replica(i).CreateKeyAsync(user.Token, $"key {i}", scopes: "mesh"));

        Assert.Equal(50, answers.Count(answer => answer.Status == 200));
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(409, "too_many_keys"));
        var keys = (await mesh.Replica(0).GetAsync("/account/keys", user.Token)).Json.GetProperty("keys");
        Assert.Equal(50, keys.GetArrayLength());
        Assert.Equal(200, (await mesh.Replica(0).DeleteKeyAsync(user.Token, keys[0].GetProperty("id").GetGuid())).Status);
        Assert.Equal(200, (await mesh.Replica(0).CreateKeyAsync(user.Token, scopes: "mesh")).Status);
        await mesh.Gateway.SignInAsync(user.Username, user.Password); // keys take no place of a sign-in
        Assert.Equal(200, (await mesh.Replica(0).RefreshAsync(user.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_key_that_is_created_while_the_password_changes_either_goes_on_or_was_refused()
    {
        for (var round = 0; round < 50; round++)
        {
            var user = await mesh.Gateway.SignUpAsync();
            var answers = await Together.RunAsync(
                () => mesh.Replica(round).ChangePasswordAsync(user.Token, user.Password, "another password"),
                () => mesh.Replica(round + 1).CreateKeyAsync(user.Token, scopes: "mesh"));

            Assert.Equal(200, answers[0].Status);
            if (answers[1].Status == 200)
            {
                Assert.Equal(200, (await mesh.Replica(round).ExchangeKeyAsync(answers[1].Member("key"))).Status);
            }
            else
            {
                Assert.Equal(401, answers[1].Status);
            }
        }
    }

    public static TheoryData<string> Orders => ["sign out everywhere else", "new password", "delete", "create"];

    /// <summary>Another transaction holds the user's row and changes what the request waits for.</summary>
    [Theory]
    [MemberData(nameof(Orders))]
    public async Task A_request_that_waited_for_the_account_sees_what_happened_meanwhile(string request)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Replica(0).AddKeyAsync(user.Token, "mesh");
        await using var holder = new NpgsqlConnection(mesh.Database.ConnectionString);
        await holder.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await RunAsync("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", user.UserId);

        var waiting = request switch
        {
            "create" => mesh.Replica(0).CreateKeyAsync(user.Token, scopes: "mesh"),
            "delete" => mesh.Replica(0).DeleteKeyAsync(user.Token, key.Id),
            "new password" => mesh.Replica(0).ChangePasswordAsync(user.Token, user.Password, "another password"),
            _ => mesh.Replica(0).CallAsync(HttpMethod.Delete, "/account/sessions", user.Token),
        };
        await mesh.Database.UntilOneWaitsAsync();
        var added = Guid.NewGuid();
        await RunAsync(
            request is "sign out everywhere else" or "new password"
                ? $"""
                  INSERT INTO sessions (
                      id, kind, user_id, epoch, created_at, last_used_at, expires_at, device, network, methods, name, scopes, key_hash)
                  SELECT '{added}', kind, user_id, epoch, now(), now(), expires_at, '', '', methods, 'late', scopes, sha256(id::text::bytea)
                  FROM sessions WHERE id = $1
                  """
                : "UPDATE sessions SET ended_at = now() WHERE id = $1",
            request == "create" ? user.SessionId : key.Id);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        switch (request)
        {
            case "create":
                (await waiting).AssertError(401, "invalid_token"); // the session ended meanwhile
                break;
            case "delete":
                (await waiting).AssertError(404, "key_not_found");
                break;
            case "new password":
                Assert.Equal(200, (await waiting).Status);
                Assert.Equal(2, await mesh.Database.ScalarAsync<long>( // both keys go on
                    "SELECT count(*) FROM sessions s, users u WHERE u.id = $1 AND s.user_id = u.id AND kind = 'key' AND s.epoch = u.epoch",
                    user.UserId));
                break;
            default:
                Assert.Equal("2", (await waiting).Member("ended_keys"));
                Assert.True(await mesh.Database.HasEndedAsync(added));
                break;
        }

        async Task RunAsync(string sql, Guid id)
        {
            await using var command = holder.CreateCommand();
            command.CommandText = sql;
            command.Parameters.Add(new NpgsqlParameter { Value = id });
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_key_in_use_is_never_refused_because_its_owner_changes_the_password()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var (key, password) = (await mesh.Replica(0).AddKeyAsync(user.Token, "mesh"), user.Password);
        var token = user.Token;
        for (var round = 0; round < 30; round++)
        {
            var (next, current, old) = ($"password number {round}", password, token);
            var answers = await Together.RunAsync(
                () => mesh.Replica(round).ChangePasswordAsync(old, current, next),
                () => mesh.Replica(round).ExchangeKeyAsync(key.Key),
                () => mesh.Replica(round + 1).ExchangeKeyAsync(key.Key));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            (password, token) = (next, answers[0].Token);
        }
    }
}
