using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

public sealed class ForgotPasswordTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("the name")]
    [InlineData("the address")]
    public async Task A_known_account_gets_a_mail_whose_link_sets_a_new_password(string by)
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);
        var typed = by == "the name" ? $" {user.Username.ToUpperInvariant()} " : address.ToLowerInvariant();

        Assert.Equal(202, (await mesh.Gateway.ForgotPasswordAsync(typed)).Status);
        var mail = await mesh.Mails.NextAsync(address);

        Assert.StartsWith(ProductionMesh.Issuer + "/reset?token=", mail.Link.OriginalString, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(mail.Token)).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, EmailCalls.NewPassword)).Status);
        Assert.Equal("Your password at AuthMesh was changed", (await mesh.Mails.NextAsync(address)).Subject);
    }

    [Fact]
    public async Task Every_text_gets_the_same_answer_and_only_a_proved_address_of_an_enabled_account_gets_a_mail()
    {
        var (known, asking, disabled) = (
            await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        var (address, requested, barred) = (EmailCalls.NewAddress(), EmailCalls.NewAddress(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(known.UserId, address);
        await mesh.Database.RequestAsync(asking.UserId, requested);
        await mesh.Database.ProveAsync(disabled.UserId, barred);
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE id = $1", disabled.UserId);
        string[] typed =
        [
            asking.Username, requested, disabled.Username, barred, ProductionMesh.NewName(), EmailCalls.NewAddress(), "\0", "🦊", " ",
            new string('x', 3000), "' OR 1=1 --", known.Username,
        ];

        var answers = new List<Answer>();
        foreach (var text in typed)
        {
            answers.Add(await mesh.Gateway.ForgotPasswordAsync(text));
        }

        Assert.All(answers, answer => Assert.Equal((202, answers[0].Text), (answer.Status, answer.Text)));
        Assert.All(answers, answer => Assert.Equal(ShapeOf(answers[0]), ShapeOf(answer)));
        await mesh.Mails.NextAsync(address); // the last one: the worker takes requests in their order
        Assert.Empty(mesh.Mails.To(requested).Concat(mesh.Mails.To(barred)));

        static IEnumerable<string> ShapeOf(Answer answer) => answer.Headers.Concat(answer.ContentHeaders)
            .Where(header => header.Key != "Date").Select(header => $"{header.Key}: {string.Join(',', header.Value)}");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"account":""}""")]
    [InlineData("""{"account":null}""")]
    [InlineData("""{"account":["a"]}""")]
    [InlineData("""{"account":"a","language":"en"}""")]
    public async Task A_body_without_an_account_is_400(string body) =>
        Assert.Equal((400, "invalid_request"), await mesh.Gateway.PostRawAsync("/password/forgot", body) is var answer
            ? (answer.Status, answer.Code) : default);

    [Fact]
    public async Task The_mail_speaks_the_language_of_the_request()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);

        await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/password/forgot", System.Net.Http.Json.JsonContent.Create(new { account = address }),
            request => request.Headers.AcceptLanguage.ParseAdd("de;q=0.5, ja-JP, en;q=0.8"));

        Assert.Contains("パスワード", (await mesh.Mails.NextAsync(address)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_links_count_at_a_time_and_a_fourth_replaces_the_oldest()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var admin = await mesh.AdminTokenAsync();
        var links = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            links.Add((await mesh.Gateway.CallAsync(HttpMethod.Post, $"/users/{user.UserId}/password-reset", admin)).Member("link")!
                .Split('=')[1]);
        }

        Assert.Equal(3, await mesh.Database.CountProofsAsync(user.UserId));
        (await mesh.Gateway.ResetPasswordAsync(links[0])).AssertNoProof();
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(links[1])).Status);
        Assert.Equal(0, await mesh.Database.CountProofsAsync(user.UserId)); // using one removes all
        (await mesh.Gateway.ResetPasswordAsync(links[3])).AssertNoProof();
    }
}
