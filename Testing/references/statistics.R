# Figures of R for the tests of the statistics: Rscript statistics.R (in this folder) writes statistics.csv.
# Debian 12: apt-get install r-base-core r-cran-proc r-cran-psych r-cran-vcd r-cran-brglm2 r-cran-geepack

suppressMessages({library(pROC); library(psych); library(vcd); library(brglm2); library(geepack)})
cases <- read.csv("statistics_cases.csv")
rows <- list()
say <- function(quantity, value, package) {
  version <- if (package == "R") as.character(getRversion()) else as.character(packageVersion(package))
  rows[[length(rows) + 1]] <<- data.frame(quantity, value = sprintf("%.15g", as.numeric(value)), package, version)
}

# Areas under ROC curves
first <- roc(cases$outcome, cases$first, direction = "<", quiet = TRUE)
second <- roc(cases$outcome, cases$second, direction = "<", quiet = TRUE)
say("auc_first", auc(first), "pROC")
say("auc_second", auc(second), "pROC")
say("auc_first_variance", var(first, method = "delong"), "pROC")
say("auc_covariance", cov(first, second, method = "delong"), "pROC")
paired <- roc.test(first, second, method = "delong", paired = TRUE)
say("paired_z", paired$statistic, "pROC")
say("paired_p", paired$p.value, "pROC")
odd <- seq_len(nrow(cases)) %% 2 == 1
part <- function(chosen) roc(cases$outcome[chosen], cases$first[chosen], direction = "<", quiet = TRUE)
unpaired <- roc.test(part(odd), part(!odd), method = "delong", paired = FALSE)
say("unpaired_difference", unpaired$estimate[1] - unpaired$estimate[2], "pROC")

# Obuchowski 1997, written out
obuchowski <- function(outcome, score, patient) {
  x <- score[outcome == 1]; y <- score[outcome == 0]
  wins <- outer(x, y, function(a, b) (a > b) + 0.5 * (a == b))
  area <- mean(wins)
  everyone <- unique(patient)
  v10 <- sapply(everyone, function(p) sum(rowMeans(wins)[patient[outcome == 1] == p] - area))
  v01 <- sapply(everyone, function(p) sum(colMeans(wins)[patient[outcome == 0] == p] - area))
  i10 <- length(unique(patient[outcome == 1])); i01 <- length(unique(patient[outcome == 0])); i <- length(everyone)
  m <- length(x); n <- length(y)
  s10 <- i10 / ((i10 - 1) * m) * sum(v10^2); s01 <- i01 / ((i01 - 1) * n) * sum(v01^2)
  s11 <- i / (i - 1) * sum(v10 * v01)
  s10 / m + s01 / n + 2 * s11 / (m * n)
}
say("obuchowski_variance", obuchowski(cases$outcome, cases$first, cases$patient), "R")

# Agreement
icc <- suppressWarnings(ICC(cases[, c("reader1", "reader2", "reader3")], lmer = FALSE)$results)
for (form in c("ICC2", "ICC3")) {
  row <- icc[icc$type == form, ]
  say(tolower(form), row$ICC, "psych")
  say(paste0(tolower(form), "_low"), row$`lower bound`, "psych")
  say(paste0(tolower(form), "_high"), row$`upper bound`, "psych")
}
levels <- 1:5
counts <- table(factor(cases$category1, levels), factor(cases$category2, levels))
for (weights in c("Equal-Spacing", "Fleiss-Cohen")) {
  kappa <- Kappa(counts, weights = weights)
  name <- if (weights == "Equal-Spacing") "linear" else "quadratic"
  say(paste0("kappa_", name), kappa$Weighted["value"], "vcd")
  say(paste0("kappa_", name, "_error"), kappa$Weighted["ASE"], "vcd")
}
say("kappa", kappa$Unweighted["value"], "vcd")
say("kappa_error", kappa$Unweighted["ASE"], "vcd")

# Logistic regression
plain <- glm(outcome ~ first + second, binomial, cases, epsilon = 1e-14)
say("logistic_first", coef(plain)["first"], "R")
say("logistic_first_error", sqrt(vcov(plain)["first", "first"]), "R")
firth <- glm(outcome ~ separated + second, binomial, cases, method = "brglmFit", type = "AS_mean",
             control = list(epsilon = 1e-12, maxit = 5000))
say("firth_separated", coef(firth)["separated"], "brglm2")
say("firth_second", coef(firth)["second"], "brglm2")
say("firth_separated_error", sqrt(vcov(firth)["separated", "separated"]), "brglm2")
gee <- geeglm(outcome ~ first + second, family = binomial, data = cases, id = patient, corstr = "independence",
              control = geese.control(epsilon = 1e-12, maxit = 200))
say("gee_first", coef(gee)["first"], "geepack")
say("gee_first_robust_error", summary(gee)$coefficients["first", "Std.err"], "geepack")

# Calibration of the probabilities plogis(first / 2), and five fits pooled by Rubin's rules
logit <- cases$first / 2
line <- glm(cases$outcome ~ logit, binomial, epsilon = 1e-14)
large <- glm(cases$outcome ~ 1 + offset(logit), binomial, epsilon = 1e-14)
say("calibration_slope", coef(line)["logit"], "R")
say("calibration_slope_error", sqrt(vcov(line)["logit", "logit"]), "R")
say("calibration_in_the_large", coef(large)[1], "R")
say("brier", mean((plogis(logit) - cases$outcome)^2), "R")
values <- c(0.81, 0.92, 0.75, 0.88, 0.79)
errors <- c(0.28, 0.30, 0.27, 0.29, 0.31)
within <- mean(errors^2); between <- var(values); total <- within + (1 + 1 / 5) * between
share <- (1 + 1 / 5) * between / total
complete <- nrow(cases) - 3  # Barnard and Rubin 1999
observed <- (complete + 1) / (complete + 3) * complete * (1 - share)
freedom <- 1 / (1 / ((5 - 1) / share^2) + 1 / observed)
say("pooled", mean(values), "R")
say("pooled_low", mean(values) - qt(0.975, freedom) * sqrt(total), "R")
say("pooled_p", 2 * pt(-mean(values) / sqrt(total), freedom), "R")
say("pooled_missing_information", share, "R")

# Group comparisons and intervals
for (column in c("first", "second", "reader1")) {
  values <- split(cases[[column]], cases$outcome)
  say(paste0(column, "_student_p"), t.test(values$`1`, values$`0`, var.equal = TRUE)$p.value, "R")
  say(paste0(column, "_welch_p"), t.test(values$`1`, values$`0`)$p.value, "R")
  say(paste0(column, "_wilcoxon_p"), wilcox.test(values$`1`, values$`0`, exact = FALSE, correct = TRUE)$p.value, "R")
}
say("wilson_low", prop.test(17, 60, correct = FALSE)$conf.int[1], "R")
say("clopper_pearson_high", binom.test(17, 60)$conf.int[2], "R")
say("spearman", cor(cases$first, cases$second, method = "spearman"), "R")
say("holm_second", p.adjust(c(0.01, 0.04, 0.03), "holm")[2], "R")

write.csv(do.call(rbind, rows), "statistics.csv", row.names = FALSE, quote = FALSE)
