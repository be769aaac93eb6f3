using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Emails;

internal static class EmailsModule
{
    private static readonly PruneStatement Expired = new(
        "expired proofs",
        """
        DELETE FROM account_proofs WHERE token_hash = ANY (ARRAY(
            SELECT token_hash FROM account_proofs WHERE expires_at <= now() LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    // A reset is worth sending for half an hour. Requests are this old only where mail was switched off meanwhile.
    private static readonly PruneStatement Old = new(
        "old mail requests",
        """
        DELETE FROM mail_requests WHERE id = ANY (ARRAY(
            SELECT id FROM mail_requests WHERE created_at <= now() - interval '1 hour' LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("Emails")
    {
        AddServices = AddServices,
        MapEndpoints = MapEndpoints,
        MapEntities = model => model.ApplyConfiguration(new AccountProofMapping()).ApplyConfiguration(new MailRequestMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<AccountProof> AccountProofs => db.Set<AccountProof>();

        public DbSet<MailRequest> MailRequests => db.Set<MailRequest>();
    }

    private static void AddServices(IServiceCollection services)
    {
        services.AddScoped<AccountProofs>().AddScoped<ProvedAddresses>().AddScoped<MailVerification>()
            .AddScoped<ChangeEmail>().AddScoped<RemoveEmail>()
            .AddScoped<VerifyEmail>().AddScoped<ShowVerification>().AddScoped<DisownEmail>()
            .AddScoped<ForgotPassword>().AddSingleton<ForgotPasswordPace>().AddScoped<ResetPassword>().AddScoped<ShowReset>()
            .AddSingleton<Signal<AnswerMailRequests>>().AddHostedService<AnswerMailRequests>()
            .AddSingleton(Expired).AddSingleton(Old);
        foreach (var link in AccountProofs.MailLinks)
        {
            services.AddSingleton(link);
        }
    }

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var group = app.MapNoStore();
        var own = group.MapForSignIns("/account/email");
        ChangeEmail.Map(own);
        RemoveEmail.Map(own);

        var email = group.MapGroup("/email");
        VerifyEmail.Map(email);
        ShowVerification.Map(email);
        DisownEmail.Map(email);

        var password = group.MapGroup("/password");
        ForgotPassword.Map(password);
        ResetPassword.Map(password);
        ShowReset.Map(password);
    }
}
