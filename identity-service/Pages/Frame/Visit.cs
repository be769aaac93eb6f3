using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using AuthMesh.Tokens;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.Extensions.Options;
using RazorSlices;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>One request for a page: the person, their language, and the ways to answer.</summary>
public sealed class Visit
{
    /// <summary>Where a signed-in person is at home.</summary>
    internal const string Home = "/me";

    private const string SignInPath = "/signin", ConfirmPath = "/confirm";

    // The default encoder writes every letter beyond ASCII as a character reference, which makes a Japanese page twice as long.
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    private Visit(HttpContext context)
    {
        Context = context;
        Options = context.RequestServices.GetRequiredService<IOptions<PageOptions>>().Value;
        Language = Texts.Choose(null, context.Request.Headers.AcceptLanguage);
    }

    public PageOptions Options { get; }

    public Language Language { get; private set; }

    /// <summary>The name of the signed-in person, or null.</summary>
    public string? Username => IsSignedIn ? Context.User.Username : null;

    internal HttpContext Context { get; }

    // Not by a key: nobody but a person uses a page.
    internal bool IsSignedIn => Caller.Find(Context.User) is not null;

    internal Texts Texts => Context.RequestServices.GetRequiredService<Texts>();

    internal Assets Assets => Context.RequestServices.GetRequiredService<Assets>();

    /// <summary>Where this page was asked to lead afterwards.</summary>
    internal string? Return => ReturnPath.TryParse(Context.Request.Query["return"]);

    /// <summary>What a page before this one has done, as a text; null if nothing.</summary>
    internal string? Notice =>
        Context.Request.Query["done"] is [{ } done] ? Language.Find("done." + done) : null;

    public static ValueTask<Visit?> BindAsync(HttpContext context) => ValueTask.FromResult<Visit?>(new Visit(context));

    /// <returns>The signed-in person's account, or null if nobody is signed in or the session has just ended.</returns>
    internal async Task<OwnAccount?> FindAccountAsync(CancellationToken cancellationToken)
    {
        if (!IsSignedIn)
        {
            return null;
        }

        var db = Context.RequestServices.GetRequiredService<IdentityDb>();
        if (await OwnAccount.FindAsync(db, Context.User, cancellationToken) is not { } account)
        {
            return null;
        }

        Language = Texts.Choose(account.Language, Context.Request.Headers.AcceptLanguage);
        return account;
    }

    /// <summary>
    /// For changes to how one gets into the account, which demand a recent proof. It comes first, so that nothing typed is lost.
    /// </summary>
    /// <returns>The account, or the page that must come first.</returns>
    internal async Task<(OwnAccount? Account, IResult? Elsewhere)> DemandProofAsync(CancellationToken cancellationToken) =>
        await FindAccountAsync(cancellationToken) is not { } account ? (null, ToSignIn())
        : account.FindInsufficiency(Context.User) is { } refusal ? (null, Divert(refusal))
        : (account, null);

    /// <summary>
    /// For a new password and the end of the account: the password on the form is proof enough, unless the account has none, or demands two
    /// factors.
    /// </summary>
    /// <returns>The account, or the page that must come first.</returns>
    internal async Task<(OwnAccount? Account, IResult? Elsewhere)> DemandPasswordOrProofAsync(CancellationToken cancellationToken) =>
        await FindAccountAsync(cancellationToken) is not { } account ? (null, ToSignIn())
        : account.TwoStep || account.PasswordHash is null ? await DemandProofAsync(cancellationToken)
        : (account, null);

    internal Task<Form> ReadFormAsync(params FormField[] fields) => Form.ReadAsync(Context.Request, Language, fields);

    /// <summary>Shows a page, with the status of its form.</summary>
    internal IResult Show<TModel>(RazorSlice<TModel> page)
        where TModel : PageModel
    {
        var form = page.Model!.Form;
        page.StatusCode = form.Status;
        page.HtmlEncoder = Encoder;
        if (form.RetryAfter is { } wait)
        {
            Context.Response.Headers.RetryAfter = FormattableString.Invariant($"{Math.Ceiling(wait.TotalSeconds)}");
        }

        return page;
    }

    /// <summary>Leads on (RFC 9110 §15.4.4): a reload of the next page sends no form again.</summary>
    /// <param name="path">A path of this origin.</param>
    /// <param name="done">What was done, as the rest of a key <c>done.…</c>.</param>
    internal static IResult To(string path, string? done = null) => new SeeOther(
        done is null ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}done={done}");

    /// <summary>
    /// Leads to the sign-in and back. A session cookie that no longer opens anything is cleared, or the way would be a circle.
    /// </summary>
    /// <param name="leadsTo">Where the sign-in leads afterwards; this page unless given.</param>
    /// <param name="username">What the page fills in.</param>
    internal IResult ToSignIn(string? leadsTo = null, string? username = null)
    {
        if (IsSignedIn)
        {
            Context.RequestServices.GetRequiredService<SessionCookies>().Clear(Context.Response);
        }

        var hint = username is null ? "" : $"&username={Uri.EscapeDataString(username)}";
        return To($"{SignInPath}?return={Uri.EscapeDataString(leadsTo ?? Context.Request.Path)}{hint}");
    }

    /// <summary>
    /// Finds out whether another page must come first: a sign-in, or a proof that it is still the same person. Every other refusal belongs
    /// on the page itself.
    /// </summary>
    internal IResult? Divert(Failure failure) => failure.Code switch
    {
        "invalid_token" or "missing_token" => ToSignIn(),
        "insufficient_user_authentication" => To($"{ConfirmPath}?return={Uri.EscapeDataString(Context.Request.Path)}"),
        _ => null,
    };

    private sealed class SeeOther(string location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = location;
            return Task.CompletedTask;
        }
    }
}

internal static class UseCaseAnswers
{
    /// <summary>The refusal of a use case, or null if it did what was asked.</summary>
    public static Failure? Refusal(this INestedHttpResult answer) => answer.Result as Failure;
}
