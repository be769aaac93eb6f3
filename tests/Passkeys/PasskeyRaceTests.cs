using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

[Collection<OnTwoReplicas>]
public sealed class PasskeyRaceTests(TwoReplicas mesh, ITestOutputHelper output)
{
    [Theory]
    [InlineData(0u)]
    [InlineData(7u)]
    public async Task Of_two_hundred_uses_of_one_signature_exactly_one_signs_in(uint count)
    {
        var (user, passkey) = await mesh.Replica(0).SignUpWithPasskeyAsync();
        passkey.Count = count;
        var offer = await mesh.Replica(0).OfferPasskeyLoginAsync();
        var signed = passkey.Sign(offer.Options());

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).LoginByPasskeyAsync(signed, offer.State()));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(400, "invalid_or_expired_token"));
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task Of_two_hundred_signatures_for_one_login_token_exactly_one_signs_in()
    {
        var (user, passkey) = await mesh.Replica(0).SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);
        var loginToken = (await mesh.Replica(0).LoginAsync(user.Username, user.Password)).Member("login_token")!;
        var offers = await Together.RunAsync(200, i => mesh.Replica(i).OfferPasskeyLoginAsync(loginToken));

        var answers = await Together.RunAsync(
            200, i => mesh.Replica(i).LoginByPasskeyAsync(passkey.Sign(offers[i].Options()), offers[i].State(), loginToken));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(400, "invalid_or_expired_token"));
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task Of_two_hundred_uses_of_one_signature_exactly_one_proves_it_again()
    {
        var (user, passkey) = await mesh.Replica(0).SignUpWithPasskeyAsync();
        var offer = await mesh.Replica(0).OfferStepUpAsync(user.Token);
        var signed = passkey.Sign(offer.Options());

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).StepUpByPasskeyAsync(user.Token, signed, offer.State()));

        var proved = Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(400, "invalid_or_expired_token"));
        Assert.Equal(200, (await mesh.Replica(0).ExchangeAsync(new { cookie = proved.Cookie() })).Status);
    }

    [Fact]
    public async Task One_challenge_adds_one_passkey()
    {
        var user = await mesh.Replica(0).SignUpAsync();
        var offer = await mesh.Replica(0).OfferPasskeyAsync(user.Token);
        var passkeys = Enumerable.Range(0, 20).Select(_ => new SoftwarePasskey().Create(offer.Options())).ToArray();

        var answers = await Together.RunAsync(20, i => mesh.Replica(i).CallAsync(
            HttpMethod.Post, "/account/passkeys", user.Token, new { credential = passkeys[i], state = offer.State() }));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(400, "invalid_or_expired_token"));
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM passkeys WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task Passkeys_added_at_once_stay_within_the_limit()
    {
        var user = await mesh.Replica(0).SignUpAsync();
        var offers = await Together.RunAsync(30, i => mesh.Replica(i).OfferPasskeyAsync(user.Token));

        var answers = await Together.RunAsync(30, i => mesh.Replica(i).CallAsync(
            HttpMethod.Post, "/account/passkeys", user.Token,
            new { credential = new SoftwarePasskey().Create(offers[i].Options()), state = offers[i].State() }));

        Assert.Equal(20, answers.Count(answer => answer.Status == 200));
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(409, "too_many_passkeys"));
        Assert.Equal(20, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM passkeys WHERE user_id = $1", user.UserId));
    }

    /// <summary>With a password, one of the calls drops it; without one, each removes a passkey.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Removals_at_once_always_leave_a_way_in(bool hasPassword)
    {
        const int Rounds = 15;
        var names = await mesh.AddUsersAsync(Rounds);
        for (var round = 0; round < Rounds; round++)
        {
            var user = await mesh.Replica(round).SignInAsync(names[round], SessionCalls.Password);
            await mesh.Database.ExecuteAsync(
                """
                INSERT INTO passkeys (
                    id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible, is_backed_up, created_at)
                SELECT gen_random_uuid(), $1, uuid_send(gen_random_uuid()), '', 'x', 0, '{}', false, false, now() FROM generate_series(1, 2)
                """,
                user.UserId);
            var ids = await mesh.Database.ScalarAsync<Guid[]>("SELECT array_agg(id) FROM passkeys WHERE user_id = $1", user.UserId);
            if (!hasPassword)
            {
                await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE id = $1", user.UserId);
            }

            var paths = ids.Select(id => $"/account/passkeys/{id}").Concat(hasPassword ? ["/account/password"] : []).ToArray();
            var answers = await Together.RunAsync(
                paths.Length, i => mesh.Replica(i).CallAsync(HttpMethod.Delete, paths[i], user.Token));

            // The one that would have been the last is refused, unless the drop of the password demanded two factors of it before.
            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 401, 409 }));
            Assert.NotEqual(paths.Length, answers.Count(answer => answer.Status == 200));
            Assert.True(await mesh.Database.ScalarAsync<bool>(
                """
                SELECT password_hash IS NOT NULL OR EXISTS (SELECT FROM passkeys WHERE user_id = users.id) FROM users WHERE id = $1
                """,
                user.UserId));
        }

        output.WriteLine($"{Rounds} accounts, each with a way in");
    }
}
